/** What a report says of the batches that CKA and trajectories were added up over: whether figures of two reports are of one estimator. */
import type { Similarity } from '../report/report.ts';
import { rowBatches } from './gram-batches.ts';
import { rowParts } from './gram-parts.ts';
import { similarityForm } from './similarity-form.ts';

/** The same, with the size of the largest batch where its rows were too many to be compared at once. */
export function withBatches(similarity: Similarity, blocks: number, width: number): Similarity {
  const form = similarityForm(similarity.rows, blocks, width);
  if (form === 'at-once') return similarity;
  const parts = form === 'parts' ? rowParts(similarity.rows).map(({ length }) => length) : [similarity.rows];
  const batches = parts.flatMap((part) => rowBatches(part)).map(({ length }) => length);
  return batches.length > 1 ? { ...similarity, batchRows: Math.max(...batches) } : similarity;
}
