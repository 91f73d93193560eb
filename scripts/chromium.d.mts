/** Path of a Chromium executable, installed first where there is none. */
export function ensureChromium(): string;
