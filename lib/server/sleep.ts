/** Resolves after so long, or at once when woken or when the signal fires. */
export function sleep(milliseconds: number, signal: AbortSignal, listen?: (wake: () => void) => () => void) {
  return new Promise<void>((resolve) => {
    if (signal.aborted) return resolve();
    const wake = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', wake);
      stop?.();
      resolve();
    };
    const timer = setTimeout(wake, milliseconds);
    signal.addEventListener('abort', wake, { once: true });
    const stop = listen?.(wake);
  });
}
