/**
 * States that are found again come from the weights that are there now, or that is told. A few bytes of every matrix are compared,
 * and size and version of each file: a change of a part of a matrix, or of a vector, leaves the former alone. Where the bytes differ
 * the states are thrown away. Where only a file's time or ETag differs, they stay, as a copy has others.
 */
import { weightsDigest } from '../core/checkpoint/index.ts';
import { ContiguaError } from '../core/errors.ts';
import type { OpenModel } from '../core/folder/open-model.ts';
import { jsonPiece, putJson, type StateStore } from '../core/states/index.ts';

const KEY = 'weights';
/** Not in stores of earlier versions. */
const FILES_KEY = 'weights-files';

type StoredFile = readonly [path: string, sizeBytes: number, version: string | null];

/** Rejects with `source-changed` once; whoever goes on then begins in an empty store, or with the states that stayed. */
export async function checkSameWeights(
  store: StateStore,
  { checkpoint, summary }: Pick<OpenModel, 'checkpoint' | 'summary'>,
  task: 'analysis' | 'capture' = 'analysis',
): Promise<void> {
  const present = await weightsDigest(checkpoint);
  const stored = await jsonPiece<string>(store, KEY);
  const files = checkpoint.files.map(({ path, sizeBytes, version = null }): StoredFile => [path, sizeBytes, version]);
  const storedFiles = await jsonPiece<readonly StoredFile[]>(store, FILES_KEY);
  if (stored === present && areSameFiles(storedFiles ?? [], files)) {
    // What was not told before is known from now on.
    if (JSON.stringify(storedFiles) !== JSON.stringify(files)) await putJson(store, FILES_KEY, files);
    return;
  }
  const staysOf = stored === present && storedFiles !== null ? copiedFile(storedFiles, files) : null;
  if (stored !== null && staysOf === null) await store.clear();
  await putJson(store, KEY, present);
  await putJson(store, FILES_KEY, files);
  if (stored === null) return;
  const again = task === 'analysis' ? 'Analyse' : 'Capture';
  if (staysOf !== null) {
    throw new ContiguaError('source-changed', `A file of weights was written since this ${task} was interrupted`, {
      file: staysOf,
      found: 'another time of change or ETag, and the same size and bytes where they are compared',
      expected: `the file that the ${task} began with`,
      hint: `What was stored is kept. ${again} again to go on with it, if the file is a copy. If its weights were edited, take other settings, such as another seed: they begin anew.`,
    });
  }
  throw new ContiguaError('source-changed', `The weights changed since this ${task} was interrupted`, {
    file: summary.name,
    hint: `What was stored of it is removed. ${again} again to measure the changed model from the beginning, or open the model that the ${task} began with.`,
  });
}

/** `before` may be empty or tell no versions, as earlier versions of Contigua told none, or not those of files on a server. */
function areSameFiles(before: readonly StoredFile[], now: readonly StoredFile[]): boolean {
  if (before.length === 0) return true;
  return (
    before.length === now.length &&
    now.every((file, i) => hasPathAndSize(before[i], file) && mayBeVersion(before[i], file))
  );
}

/** The first with another version, where names and sizes are as they were; null otherwise. */
function copiedFile(before: readonly StoredFile[], now: readonly StoredFile[]): string | null {
  if (before.length !== now.length || !now.every((file, i) => hasPathAndSize(before[i], file))) return null;
  return now.find((file, i) => !mayBeVersion(before[i], file))?.[0] ?? null;
}

const hasPathAndSize = (before: StoredFile | undefined, [path, size]: StoredFile) =>
  before?.[0] === path && before[1] === size;

const mayBeVersion = (before: StoredFile | undefined, [, , version]: StoredFile) =>
  (before?.[2] ?? version) === version;
