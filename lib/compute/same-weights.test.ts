import { expect, test } from 'vitest';
import type { TensorToWrite } from '../core/checkpoint/index.ts';
import { type OpenModel, openModel } from '../core/folder/open-model.ts';
import { jsonPiece, memoryStates, putJson } from '../core/states/index.ts';
import { tinyModel } from '../testing/tiny-model.ts';
import { checkSameWeights } from './same-weights.ts';

async function modelOf(
  change?: (tensors: TensorToWrite[]) => TensorToWrite[],
  lastModified?: number,
): Promise<OpenModel> {
  const { files } = await tinyModel(change);
  return await openModel({
    files: Object.entries(files).map(([path, bytes]) => {
      const parts = [bytes as Uint8Array<ArrayBuffer>];
      return { path, blob: lastModified === undefined ? new Blob(parts) : new File(parts, path, { lastModified }) };
    }),
    name: 'tiny',
  });
}
/** As a LoRA that was merged into one matrix of the last block. */
const mergedInto = (tensors: TensorToWrite[]) => {
  const last = tensors.findLast(({ name }) => name.endsWith('attn.to_q.weight'))!;
  const values = new Float32Array(last.bytes.slice().buffer).map((value) => value + 1e-3);
  return tensors.map((tensor) => (tensor === last ? { ...last, bytes: new Uint8Array(values.buffer) } : tensor));
};

test('states of other weights with the same fingerprint are removed, and that is told once', async () => {
  const [model, merged] = [await modelOf(), await modelOf(mergedInto)];
  expect(merged.summary.fingerprint).toBe(model.summary.fingerprint);
  const store = memoryStates();
  await checkSameWeights(store, model);
  await putJson(store, 'swept/0', 1);
  await checkSameWeights(store, model);
  expect(await jsonPiece(store, 'swept/0')).toBe(1);

  const checking = checkSameWeights(store, merged);
  await expect(checking).rejects.toMatchObject({ code: 'source-changed' });
  await expect(checking).rejects.toThrow(
    /^tiny: The weights changed since this analysis was interrupted\. .* Analyse again/,
  );
  expect(await jsonPiece(store, 'swept/0')).toBeNull();
  await checkSameWeights(store, merged);
});

/** Neither the middle of a matrix nor a vector that the fingerprint reads. */
const atTheEdge = (tensors: TensorToWrite[]) => {
  const last = tensors.findLast(({ name }) => name.endsWith('attn.to_q.weight'))!;
  const values = new Float32Array(last.bytes.slice().buffer).map((value, at) => (at < 4 ? value + 1 : value));
  return tensors.map((tensor) => (tensor === last ? { ...last, bytes: new Uint8Array(values.buffer) } : tensor));
};

test('a file that was written since is noticed by its time, where the bytes that are compared are the same', async () => {
  const [model, edited] = [await modelOf(undefined, 1000), await modelOf(atTheEdge, 2000)];
  const store = memoryStates();
  await checkSameWeights(store, model);
  await putJson(store, 'swept/0', 1);
  await checkSameWeights(store, await modelOf(undefined, 1000));
  expect(await jsonPiece(store, 'swept/0')).toBe(1);

  const checking = checkSameWeights(store, edited, 'capture');
  await expect(checking).rejects.toMatchObject({ code: 'source-changed' });
  await expect(checking).rejects.toThrow(
    /safetensors: A file of weights was written since this capture was interrupted.*is kept\. Capture again to go on/,
  );
  // A copy has another time too: what took hours is not thrown away for it.
  expect(await jsonPiece(store, 'swept/0')).toBe(1);
  await checkSameWeights(store, edited, 'capture');
  expect(await jsonPiece(store, 'swept/0')).toBe(1);
});

test('a store of an earlier version, which tells no times, is taken by its bytes, and tells them from then on', async () => {
  const store = memoryStates();
  await checkSameWeights(store, await modelOf(undefined, 1000));
  await store.remove('weights-files');
  await putJson(store, 'swept/0', 1);
  await checkSameWeights(store, await modelOf(undefined, 2000));
  expect(await jsonPiece(store, 'swept/0')).toBe(1);
  await expect(checkSameWeights(store, await modelOf(undefined, 3000))).rejects.toMatchObject({
    code: 'source-changed',
  });
});

test('a store that tells no version of a file takes the one that is there, and holds the next against it', async () => {
  const store = memoryStates();
  await checkSameWeights(store, await modelOf());
  await checkSameWeights(store, await modelOf(undefined, 2000));
  await expect(checkSameWeights(store, await modelOf(undefined, 3000))).rejects.toMatchObject({
    code: 'source-changed',
  });
});
