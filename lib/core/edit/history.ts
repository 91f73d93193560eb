/**
 * Undo and redo of one immutable value, as plain data. Steps that carry the same gesture (the many moves of one drag)
 * are one step to undo. The past is bounded: the oldest step is forgotten first.
 */
const MAX_STEPS = 200;

export interface History<T> {
  readonly past: readonly T[];
  readonly present: T;
  readonly future: readonly T[];
  /** What the latest step belongs to, or null; undo and redo end it. */
  readonly gesture: string | null;
}

export function historyOf<T>(present: T): History<T> {
  return { past: [], present, future: [], gesture: null };
}

/** The same object again when nothing changes, so that callers can compare by identity. */
export function record<T>(history: History<T>, next: T, gesture: string | null = null): History<T> {
  if (Object.is(next, history.present)) return history;
  if (gesture !== null && gesture === history.gesture) return { ...history, present: next, future: [] };
  return { past: [...history.past, history.present].slice(-MAX_STEPS), present: next, future: [], gesture };
}

export function canUndo<T>(history: History<T>): boolean {
  return history.past.length > 0;
}

export function canRedo<T>(history: History<T>): boolean {
  return history.future.length > 0;
}

export function undo<T>(history: History<T>): History<T> {
  if (!canUndo(history)) return history;
  return {
    past: history.past.slice(0, -1),
    present: history.past[history.past.length - 1]!,
    future: [history.present, ...history.future],
    gesture: null,
  };
}

export function redo<T>(history: History<T>): History<T> {
  if (!canRedo(history)) return history;
  return {
    past: [...history.past, history.present],
    present: history.future[0]!,
    future: history.future.slice(1),
    gesture: null,
  };
}
