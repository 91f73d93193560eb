/**
 * States that are found again come from the weights that are there now, or they are thrown away and that is told. A few bytes of
 * every matrix are compared, and size and time of each file: a change of a part of a matrix, or of a vector, leaves the former alone.
 */
import { weightsDigest } from '../core/checkpoint/index.ts';
import { ContiguaError } from '../core/errors.ts';
import type { OpenModel } from '../core/folder/open-model.ts';
import { jsonPiece, putJson, type StateStore } from '../core/states/index.ts';

const KEY = 'weights';
/** Not in stores of earlier versions. */
const FILES_KEY = 'weights-files';

/** Rejects with `source-changed` once; the store is empty then, and the next one begins in it. */
export async function checkSameWeights(
  store: StateStore,
  { checkpoint, summary }: Pick<OpenModel, 'checkpoint' | 'summary'>,
  task: 'analysis' | 'capture' = 'analysis',
): Promise<void> {
  const present = await weightsDigest(checkpoint);
  const stored = await jsonPiece<string>(store, KEY);
  const files = checkpoint.files.map(({ path, sizeBytes, version = null }) => [path, sizeBytes, version]);
  const storedFiles = await jsonPiece<typeof files>(store, FILES_KEY);
  const areSame = storedFiles === null || JSON.stringify(storedFiles) === JSON.stringify(files);
  if (stored === present && areSame) {
    if (!storedFiles) await putJson(store, FILES_KEY, files);
    return;
  }
  if (stored !== null) await store.clear();
  await putJson(store, KEY, present);
  await putJson(store, FILES_KEY, files);
  if (stored === null) return;
  const written = stored === present ? changedFile(storedFiles!, files) : null;
  throw new ContiguaError('source-changed', `The weights changed since this ${task} was interrupted`, {
    file: summary.name,
    ...(written === null ? {} : { found: `${written} was written since` }),
    hint: `What was stored of it is removed. ${task === 'analysis' ? 'Analyse' : 'Capture'} again to measure the changed model from the beginning, or open the model that the ${task} began with.`,
  });
}

/** The first that is not as it was. */
function changedFile(before: readonly unknown[], now: readonly (readonly unknown[])[]): string {
  const known = new Set(before.map((file) => JSON.stringify(file)));
  const [path] = now.find((file) => !known.has(JSON.stringify(file))) ?? ['a file'];
  return String(path);
}
