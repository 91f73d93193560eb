/**
 * How many tokens a reading of one stream over held-out tokens needs before its breaks mean anything. A probe that is fitted
 * on hardly more tokens than it has inputs fits their noise, and its surrogate leaves the model at the first block; a CKA of
 * few tokens scatters. bench/rows-needed.ts prints what the sample shows (docs/method.md has the table). Wide models are not
 * asked for more than a few thousand tokens: their states fill few of their dimensions.
 */

export interface RowsNeeded {
  /** Tokens to fit on. */
  readonly fitted: number;
  readonly heldOut: number;
}

const FITTED_PER_FEATURE = 2;
const HELD_OUT_PER_FEATURE = 1;
const MOST_FITTED = 1024;
const MOST_HELD_OUT = 512;
/** The debiased estimator needs four, and says little of so few. */
const LEAST_HELD_OUT = 16;

export function rowsNeeded(width: number): RowsNeeded {
  return {
    fitted: Math.min(Math.ceil(FITTED_PER_FEATURE * width), MOST_FITTED),
    heldOut: Math.max(LEAST_HELD_OUT, Math.min(Math.ceil(HELD_OUT_PER_FEATURE * width), MOST_HELD_OUT)),
  };
}
