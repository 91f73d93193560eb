export const TENSORFLOW: string;
export const WHEEL_PYTHON: string;
export const PINS: Readonly<Record<string, string>>;
export function isPinned(target: {
  readonly platform: string;
  readonly arch: string;
  readonly cuda?: boolean;
  readonly prebuilt?: boolean;
}): boolean;
export class SetupError extends Error {}
/** Null for the pinned file, the checksum of one that was taken without a pin; rejects otherwise. */
export function verifyFile(path: string, allowUnverified: boolean): Promise<string | null>;
