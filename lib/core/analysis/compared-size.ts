/** What comparing the states of one stream over some rows takes, by the form of the comparison: memory, and the sweeps that take time. */
import { FLOAT_BYTES } from '../states/index.ts';
import { KEPT_BYTES, STACK_BYTES } from './feature-kernels.ts';
import { rowBatches } from './gram-batches.ts';
import { rowParts } from './gram-parts.ts';
import { KEPT_STEP_BYTES } from './similarity.ts';
import { atOnceBytes, similarityForm } from './similarity-form.ts';

export interface ComparedSize {
  /** Grams of all states; or the states and probes themselves, with what the engine keeps of them. */
  readonly keptBytes: number;
  /** One state of the rows that are compared at once. */
  readonly stateBytes: number;
  /** Surrogates of all starts that wait for the next probe. */
  readonly surrogateBytes: number;
}

export function comparedSize(rows: number, blocks: number, width: number): ComparedSize {
  const form = similarityForm(rows, blocks, width);
  if (form === 'at-once') {
    const stateBytes = FLOAT_BYTES * width * rows;
    const [states, square] = [blocks + 1, FLOAT_BYTES * width ** 2];
    const made = states * stateBytes + (states * (states + 1) * square) / 2;
    const onEngine =
      Math.min(KEPT_BYTES, made) +
      Math.min(STACK_BYTES, states * stateBytes) +
      Math.min(KEPT_STEP_BYTES, blocks * square);
    return { keptBytes: atOnceBytes(rows, blocks, width) + onEngine, stateBytes, surrogateBytes: 0 };
  }
  const atOnce = form === 'parts' ? Math.max(...rowParts(rows).map(({ length }) => length)) : rows;
  const gramBytes = rowBatches(atOnce).reduce((sum, { length }) => sum + FLOAT_BYTES * length ** 2, 0);
  const stateBytes = FLOAT_BYTES * width * atOnce;
  return { keptBytes: (blocks + 1) * gramBytes, stateBytes, surrogateBytes: blocks * stateBytes };
}

/** Of held-out and of all rows by one sweep. `sets`: of fitted rows that wait. */
export function sharedSize(rows: number, heldOut: number, blocks: number, width: number, sets: number): ComparedSize {
  const [all, some] = [comparedSize(rows, blocks, width), comparedSize(heldOut, blocks, width)];
  return {
    keptBytes: all.keptBytes + some.keptBytes,
    stateBytes: all.stateBytes,
    surrogateBytes: some.surrogateBytes + sets * (all.stateBytes - some.stateBytes),
  };
}

export interface TimedSweep {
  readonly rows: number;
  /** How many such sweeps take the time. */
  readonly times: number;
  readonly resampled: boolean;
}

/** With more rows than features, they are taken for as many as there are features. `resampled`: rows that resamples are taken of, if any. */
export function timedSweeps(rows: number, blocks: number, width: number, resampled: number | null): TimedSweep[] {
  const form = similarityForm(rows, blocks, width);
  if (form === 'grams') return [{ rows, times: 1, resampled: resampled !== null }];
  const of = { rows: width, times: form === 'parts' ? rows / width : 1, resampled: false };
  return resampled === null ? [of] : [of, { rows: resampled, times: 1, resampled: true }];
}
