/**
 * The signals that ask a process to end: the first asks for an orderly end, a later one for an end at once. A terminal
 * sends Ctrl-C to every process of the command, and npm passes it on to its child again, as it does with a SIGTERM that
 * reached both. So the same signal comes twice within milliseconds, and what follows that closely is no second request.
 */
const SAME_REQUEST_MS = 1_000;

interface Emitter {
  on(signal: NodeJS.Signals, listener: () => void): unknown;
}

/** Listens for as long as the process runs. `atOnce` is called for each request after the first. */
export function onEndSignal(
  signals: readonly NodeJS.Signals[],
  inOrder: () => void,
  atOnce: () => void,
  { emitter = process, now = Date.now }: { readonly emitter?: Emitter; readonly now?: () => number } = {},
): void {
  let askedAt: number | null = null;
  for (const signal of signals) {
    emitter.on(signal, () => {
      if (askedAt === null) {
        askedAt = now();
        inOrder();
      } else if (now() - askedAt >= SAME_REQUEST_MS) {
        atOnce();
      }
    });
  }
}
