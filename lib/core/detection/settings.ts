/**
 * How a trajectory is read before the rule looks at it. The paper leaves each of these open; the defaults are the
 * method's first reading, and the others stay available so that a study can compare them.
 */
import type { CkaEstimator, CkaTarget, Rows, SurrogateStart } from '../report/report.ts';

/** Which stream decides: `mean` of all (the default), or one alone, by its id. */
export type StreamChoice = string;

export interface DetectionSettings {
  /** A surrogate is flattered on the tokens that its probes were fitted on: held-out ones are the default. */
  readonly rows: Rows;
  readonly estimator: CkaEstimator;
  readonly start: SurrogateStart;
  readonly target: CkaTarget;
  readonly streams: StreamChoice;
}

export const DEFAULT_DETECTION: DetectionSettings = {
  rows: 'held-out',
  estimator: 'debiased',
  start: 'block-u',
  target: 'teacher-after-k',
  streams: 'mean',
};
