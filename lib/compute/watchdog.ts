/**
 * Notices a worker that has fallen silent. A browser tells when a worker throws, not when it is gone, and a worker in
 * the middle of one long computation cannot answer either: so silence is only ever reported, and whoever waits decides.
 * It counts as silence when, while a call is waiting, neither progress nor the answer to a ping has come for a minute,
 * or for ten times the longest pause so far if that is more. Only time in which this side's own timer ran is counted:
 * a machine that slept has not waited.
 */
export const PING_EVERY_MS = 5_000;
export const LEAST_SILENCE_MS = 60_000;
export const TIMES_LONGEST_PAUSE = 10;

export interface Watchdog {
  /** True while the worker owes an answer. */
  watch(waiting: boolean): void;
  /** Anything came from the worker. */
  heard(): void;
  /** Another worker has taken its place, of whose pauses nothing is known. */
  forget(): void;
}

/** `onSilence` is told how long it lasts, again and again, and null once it is over or nobody waits any more. */
export function createWatchdog(
  ping: () => void,
  onSilence: (silentMs: number | null) => void,
  now: () => number = () => performance.now(),
): Watchdog {
  let timer: ReturnType<typeof setInterval> | undefined;
  let silentMs = 0;
  let longestMs = 0;
  let countedAtMs = 0;
  let pinged = false;
  let reported = false;

  function count(): void {
    const nowMs = now();
    silentMs += Math.min(nowMs - countedAtMs, 2 * PING_EVERY_MS);
    countedAtMs = nowMs;
  }

  function tick(): void {
    count();
    if (silentMs >= Math.max(LEAST_SILENCE_MS, TIMES_LONGEST_PAUSE * longestMs)) {
      reported = true;
      onSilence(silentMs);
    }
    // A blocked worker would find a heap of them.
    if (!pinged) ping();
    pinged = true;
  }

  function over(): void {
    silentMs = 0;
    pinged = false;
    if (reported) onSilence(null);
    reported = false;
  }

  const watchdog: Watchdog = {
    watch(waiting) {
      if (waiting === (timer !== undefined)) return;
      if (waiting) {
        countedAtMs = now();
        timer = setInterval(tick, PING_EVERY_MS);
      } else {
        clearInterval(timer);
        timer = undefined;
        over();
      }
    },
    heard() {
      if (timer === undefined) return;
      count();
      longestMs = Math.max(longestMs, silentMs);
      over();
    },
    forget() {
      watchdog.watch(false);
      longestMs = 0;
    },
  };
  return watchdog;
}
