/**
 * Asks the server what the plugged students give, once the user's hands rest: the subset itself and, to compare with,
 * the teacher. Results are stored with the run, so each subset is measured once in its life. While students still
 * train, nothing is measured that the user did not plug by hand: it would take from the training.
 */
import type { StoreApi } from 'zustand/vanilla';
import { measuredSubset, type PluggedChoice, presentSubset, type Subset, students } from './plugged.ts';
import type { OpenRun } from './run.ts';
import { type FollowedRun, subsetKey } from './run-events.ts';

const REST_MS = 700;
const TEACHER: Subset = { plugged: [], fineTuned: false };

/** Subsets that nobody has measured or is measuring, the teacher first. */
export function toMeasure({ view, measuring }: FollowedRun, choice: PluggedChoice): readonly Subset[] {
  if (students(view).length === 0) return [];
  const present = presentSubset(view, choice);
  const wanted = subsetKey(present) === subsetKey(TEACHER) ? [TEACHER] : [TEACHER, present];
  return wanted.filter((subset) => !measuredSubset(view, subset) && measuring[subsetKey(subset)] === undefined);
}

/** Returns how to stop. */
export function measureWhenRested(open: OpenRun, plugged: StoreApi<PluggedChoice>): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let touched = false;
  const asked = new Set<string>();
  const now = () => {
    const { run } = open.store.getState();
    if (!run || (typeof document !== 'undefined' && document.hidden)) return;
    const busy = run.view.jobs.some(({ state }) => state === 'running' || state === 'queued');
    if (busy && !touched) return;
    for (const subset of toMeasure(run, plugged.getState())) {
      const key = subsetKey(subset);
      if (asked.has(key)) continue;
      asked.add(key);
      void measure(open, subset);
    }
  };
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(now, REST_MS);
  };
  const stopPlugged = plugged.subscribe(() => {
    touched = true;
    later();
  });
  const stopRun = open.store.subscribe(({ run }, before) => {
    if (run?.view.jobs === before.run?.view.jobs && run?.view.subsets === before.run?.view.subsets) return;
    // A student trained anew takes its subsets along; they may be asked for again.
    for (const key of asked) if (before.run?.view.subsets.some((s) => subsetKey(s) === key)) asked.delete(key);
    if (!timer || run?.view.state !== before.run?.view.state || before.run === null) later();
  });
  return () => {
    clearTimeout(timer);
    stopPlugged();
    stopRun();
  };
}

export function measure(open: OpenRun, { plugged, fineTuned }: Subset): Promise<boolean> {
  return open.ask((api) => api.trySubset(open.id, plugged, fineTuned));
}
