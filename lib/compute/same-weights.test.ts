import { expect, test } from 'vitest';
import type { TensorToWrite } from '../core/checkpoint/index.ts';
import { type OpenModel, openModel } from '../core/folder/open-model.ts';
import { jsonPiece, memoryStates, putJson } from '../core/states/index.ts';
import { tinyModel } from '../testing/tiny-model.ts';
import { checkSameWeights } from './same-weights.ts';

async function modelOf(change?: (tensors: TensorToWrite[]) => TensorToWrite[]): Promise<OpenModel> {
  const { files } = await tinyModel(change);
  return await openModel({
    files: Object.entries(files).map(([path, bytes]) => ({ path, blob: new Blob([bytes as Uint8Array<ArrayBuffer>]) })),
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
