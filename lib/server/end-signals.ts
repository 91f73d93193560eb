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
  emitter: Emitter = process,
): void {
  let isAsked = false;
  let mayAskAgain = false;
  for (const signal of signals) {
    emitter.on(signal, () => {
      if (isAsked) {
        if (mayAskAgain) atOnce();
        return;
      }
      isAsked = true;
      afterHeard(SAME_REQUEST_MS, () => {
        mayAskAgain = true;
      });
      inOrder();
    });
  }
}

/**
 * After so long, and after every signal that came within it: an event loop that was blocked for longer runs its timers
 * first, then tells the signals that came meanwhile, then runs what `setImmediate` was given.
 */
function afterHeard(milliseconds: number, work: () => void): void {
  setTimeout(() => setImmediate(work), milliseconds).unref();
}
