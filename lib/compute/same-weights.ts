/** States that are found again come from the weights that are there now, or they are thrown away and that is told. */
import { weightsDigest } from '../core/checkpoint/index.ts';
import { ContiguaError } from '../core/errors.ts';
import type { OpenModel } from '../core/folder/open-model.ts';
import { jsonPiece, putJson, type StateStore } from '../core/states/index.ts';

const KEY = 'weights';

/** Rejects with `source-changed` once; the store is empty then, and the next one begins in it. */
export async function checkSameWeights(
  store: StateStore,
  { checkpoint, summary }: Pick<OpenModel, 'checkpoint' | 'summary'>,
  task: 'analysis' | 'capture' = 'analysis',
): Promise<void> {
  const present = await weightsDigest(checkpoint);
  const stored = await jsonPiece<string>(store, KEY);
  if (stored === present) return;
  if (stored !== null) await store.clear();
  await putJson(store, KEY, present);
  if (stored === null) return;
  throw new ContiguaError('source-changed', `The weights changed since this ${task} was interrupted`, {
    file: summary.name,
    hint: `What was stored of it is removed. ${task === 'analysis' ? 'Analyse' : 'Capture'} again to measure the changed model from the beginning, or open the model that the ${task} began with.`,
  });
}
