/**
 * Asks the server what the plugged students give, once the user's hands rest: the subset itself and, to compare with,
 * the teacher. Results are stored with the run, so each subset is measured once in its life. While students still
 * train, nothing is measured that the user did not plug by hand: it would take from the training.
 */

import type { StoreApi } from 'zustand/vanilla';
import { asContiguaError } from '@/lib/core/errors.ts';
import { subsetKey } from '@/lib/core/run/index.ts';
import { measuredSubset, type PluggedChoice, presentSubset, type Subset, trainedParts } from './plugged.ts';
import type { OpenRun } from './run.ts';
import { type FollowedRun, withAsked } from './run-events.ts';

const REST_MS = 700;
const TEACHER: Subset = { plugged: [], fineTuned: false };

/** Subsets that nobody has measured or is measuring, the teacher first. */
export function toMeasure({ view, measuring }: FollowedRun, choice: PluggedChoice): readonly Subset[] {
  if (trainedParts(view).length === 0) return [];
  const present = presentSubset(view, choice);
  const wanted = subsetKey(present) === subsetKey(TEACHER) ? [TEACHER] : [TEACHER, present];
  return wanted.filter((subset) => !measuredSubset(view, subset) && measuring[subsetKey(subset)] === undefined);
}

/** Returns how to stop. */
export function measureWhenRested(open: OpenRun, plugged: StoreApi<PluggedChoice>): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let touched = false;
  const now = () => {
    const { run } = open.store.getState();
    if (!run || (typeof document !== 'undefined' && document.hidden)) return;
    const busy = run.view.jobs.some(({ state }) => state === 'running' || state === 'queued');
    if (busy && !touched) return;
    for (const subset of toMeasure(run, plugged.getState())) void measure(open, subset);
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
    const sameStates = run?.view.jobs.every(({ state }, i) => state === before.run?.view.jobs[i]?.state) ?? true;
    if (sameStates && run?.view.subsets === before.run?.view.subsets) return;
    later();
  });
  return () => {
    clearTimeout(timer);
    stopPlugged();
    stopRun();
  };
}

/** Asks for it once more, or for the first time; the page says at once that it was asked for. */
export async function measure({ id, store, connect }: OpenRun, subset: Subset): Promise<void> {
  const note = (error: string | null) =>
    store.setState(({ run }) =>
      run && !measuredSubset(run.view, subset) ? { run: withAsked(run, subset, error) } : {},
    );
  note(null);
  try {
    await (await connect()).trySubset(id, subset.plugged, subset.fineTuned);
  } catch (thrown) {
    note(asContiguaError(thrown).message);
  }
}
