/**
 * How the states of a stream are compared, by their size alone, so that a report does not depend on the memory of the machine:
 *
 *   grams    no more rows than features: one Gram per state serves everything
 *   at-once  more rows than features, exactly, with all states and all probes in memory
 *   parts    more rows than features, where these are too large: Grams of random parts of the rows, one part after the other
 */
import { FLOAT_BYTES } from '../states/index.ts';

export type SimilarityForm = 'grams' | 'at-once' | 'parts';

/** Of the states and probes of a stream that are compared at once. */
const AT_ONCE_BYTES = 2 ** 30;

export function similarityForm(rows: number, blocks: number, width: number): SimilarityForm {
  if (rows <= width) return 'grams';
  return atOnceBytes(rows, blocks, width) <= AT_ONCE_BYTES ? 'at-once' : 'parts';
}

/** Whether held-out rows and all rows of a stream are compared by one sweep (shared-sweep.ts). */
export function isOneSweep(rows: number, heldOut: number, blocks: number, width: number): boolean {
  return heldOut > 0 && heldOut < rows && similarityForm(rows, blocks, width) === 'grams';
}

/** States of the rows, and dense probes. */
export function atOnceBytes(rows: number, blocks: number, width: number): number {
  return FLOAT_BYTES * width * ((blocks + 1) * rows + blocks * (width + 1));
}
