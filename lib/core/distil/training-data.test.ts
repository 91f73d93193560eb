import { expect, test } from 'vitest';
import { parseModelConfig } from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { type SampleAssets, VOCABULARY } from '../shapes/index.ts';
import { fileBatches, shapesBatches, syntheticBatches } from './training-data.ts';

const { config } = goldenQ1();
/** Of the sample models: they alone have the grammar. */
const sample = parseModelConfig(
  JSON.stringify({
    _class_name: 'QwenImageTransformer2DModel',
    patch_size: 4,
    in_channels: 48,
    out_channels: 3,
    num_layers: 16,
    attention_head_dim: 32,
    num_attention_heads: 3,
    joint_attention_dim: 2,
    axes_dims_rope: [8, 12, 12],
  }),
  'config.json',
);
const assets: SampleAssets = {
  positions: null,
  vocabulary: VOCABULARY,
  textDim: 2,
  embeddings: new Float32Array(2 * VOCABULARY.length),
};

/** Samples whose every value is the sample's number. */
function numberedOf(samples: number) {
  const fill = (perSample: number) =>
    Float32Array.from({ length: samples * perSample }, (_, i) => Math.floor(i / perSample));
  return {
    batch: samples,
    imageTokens: 2,
    textTokens: 3,
    imageShapes: [[1, 1, 2]] as const,
    hiddenStates: fill(2 * config.inChannels),
    encoderHiddenStates: fill(3 * config.textDim),
    timestep: fill(1),
    mask: null,
    extra: {},
  };
}
const numbered = numberedOf(11);
/** A prompt of its own for every sample. */
const singleOf = (inputs: typeof numbered) => ({
  inputs,
  groups: Uint32Array.from({ length: inputs.batch }, (_, sample) => sample),
});
const single = singleOf(numbered);
const byPrompts = 'prompt-groups';

test('a batch is the same whenever it is asked for, and others for another number or seed', () => {
  const batches = syntheticBatches(config, { batch: 2, seed: 5 });
  const third = batches.inputs(3);
  batches.inputs(4);
  expect(batches.inputs(3)).toEqual(third);
  expect(syntheticBatches(config, { batch: 2, seed: 5 }).inputs(3)).toEqual(third);
  expect(batches.inputs(4).hiddenStates).not.toEqual(third.hiddenStates);
  expect(syntheticBatches(config, { batch: 2, seed: 6 }).inputs(3).hiddenStates).not.toEqual(third.hiddenStates);
});

test('uniform levels reach the noise that a drawing begins with, which logit-normal ones of earlier runs hardly do', () => {
  const request = { batch: 512, seed: 5 };
  const noisiest = (levels?: 'uniform') => {
    const { timestep } = shapesBatches(assets, sample, request, levels).inputs(0);
    return timestep.filter((level) => level > 0.9).length / timestep.length;
  };
  expect(noisiest('uniform')).toBeGreaterThan(0.06);
  expect(noisiest()).toBeLessThan(0.04);
  // Checkpoints and cached states of a run that an earlier version began are found under the key that it had.
  expect(shapesBatches(assets, sample, request).key).toBe('shapes seed 5 batch 512');
  expect(shapesBatches(assets, sample, request, 'uniform').key).not.toBe('shapes seed 5 batch 512');
});

test('every seed is measured on the same held-out samples, which are no training batch', () => {
  const first = syntheticBatches(config, { batch: 2, seed: 5 });
  const second = syntheticBatches(config, { batch: 2, seed: 6 });
  expect(second.heldOut(3)).toEqual(first.heldOut(3));
  expect(first.heldOut(3).map(({ batch }) => batch)).toEqual([2, 1]);
  expect(first.heldOut(2)[0]!.hiddenStates).not.toEqual(first.inputs(0).hiddenStates);
});

test('an epoch of a file holds every training sample once, in a new order each time, and no held-out one', () => {
  const batches = fileBatches(single, 'a file', { batch: 2, seed: 1 }, byPrompts);
  const epoch = (n: number) => [0, 1, 2, 3].flatMap((i) => [...batches.inputs(4 * n + i).timestep]);
  const heldOut = batches.heldOut(8);
  expect(heldOut.map(({ timestep }) => timestep.length)).toEqual([2, 1]);
  const measured = heldOut.flatMap(({ timestep }) => [...timestep]);
  const trained = numbered.timestep.filter((sample) => !measured.includes(sample));
  for (const n of [0, 1, 2]) expect(epoch(n).toSorted((x, y) => x - y)).toEqual([...trained]);
  expect([epoch(1), epoch(2)]).not.toEqual([epoch(0), epoch(0)]);
  expect(heldOut[0]!.hiddenStates[0]).toBe(heldOut[0]!.timestep[0]);
  expect(heldOut[0]!.hiddenStates).toHaveLength(2 * 2 * config.inChannels);
});

test('a number of distinct batches comes again each epoch, the same for every seed but in another order', () => {
  const [first, second] = [5, 6].map((seed) => syntheticBatches(config, { batch: 2, seed, distinctBatches: 4 }));
  const numbers = (batches: typeof first, epoch: number) => [0, 1, 2, 3].map((i) => batches!.numberOf(4 * epoch + i));
  for (const epoch of [0, 1]) expect(numbers(first, epoch).toSorted()).toEqual([0, 1, 2, 3]);
  expect([numbers(first, 0), numbers(first, 1)]).not.toEqual([numbers(second, 0), numbers(second, 1)]);
  expect(first!.key).toBe(second!.key);
  const at = [0, 1, 2, 3].findIndex((i) => second!.numberOf(i) === first!.numberOf(0));
  expect(second!.inputs(at)).toEqual(first!.inputs(0));
});

test('batches that do not divide the samples become smaller, and hardly a sample is left out', () => {
  const batches = fileBatches(single, 'a file', { batch: 3, seed: 1 }, byPrompts);
  expect(batches.batch).toBe(2);
  const epoch = [0, 1, 2].flatMap((i) => [...batches.inputs(i).timestep]);
  expect(new Set(epoch).size).toBe(6);
});

test('a batch larger than the file is the whole of what may be trained on', () => {
  expect(fileBatches(single, 'a file', { batch: 64, seed: 1 }, byPrompts).batch).toBe(8);
});

test('a file of one prompt is refused', () => {
  const one = { ...single, groups: new Uint32Array(numbered.batch) };
  expect(() => fileBatches(one, 'a file', { batch: 1, seed: 1 }, byPrompts)).toThrow(
    /All samples are of one prompt.*found 11 samples of equal text; expected samples of two prompts.*prompt_group/,
  );
});

test('whole prompts of a file are held out, and every time step gives its share', () => {
  // Eight prompts at five time steps.
  const samples = 40;
  const inputs = {
    ...numbered,
    batch: samples,
    hiddenStates: Float32Array.from({ length: samples * 2 * config.inChannels }, (_, i) =>
      Math.floor(i / (2 * config.inChannels)),
    ),
    encoderHiddenStates: new Float32Array(samples * 3 * config.textDim),
    timestep: Float32Array.from({ length: samples }, (_, sample) => (sample % 5) / 5),
  };
  const groups = Uint32Array.from({ length: samples }, (_, sample) => Math.floor(sample / 5));
  const batches = fileBatches({ inputs, groups }, 'a file', { batch: 6, seed: 1 }, byPrompts);
  const promptsOf = (parts: readonly { readonly hiddenStates: Float32Array; readonly batch: number }[]) =>
    parts.flatMap(({ hiddenStates, batch }) =>
      Array.from({ length: batch }, (_, i) => groups[hiddenStates[(i * hiddenStates.length) / batch]!]),
    );
  const heldOut = batches.heldOut(100);
  const measured = new Set(promptsOf(heldOut));
  expect(measured.size).toBe(2);
  const trained = promptsOf([0, 1, 2, 3, 4].map((i) => batches.inputs(i)));
  expect(trained.filter((prompt) => measured.has(prompt))).toEqual([]);
  const steps = heldOut.flatMap(({ timestep }) => [...timestep]).toSorted();
  expect(steps).toEqual([0, 0.2, 0.4, 0.6, 0.8].flatMap((t) => [Math.fround(t), Math.fround(t)]));
  expect(batches.heldOutGroups(100)).toEqual(promptsOf(heldOut));
  // As many as are asked for, spread over the time steps.
  const five = batches.heldOut(5).flatMap(({ timestep }) => [...timestep]);
  expect(new Set(five).size).toBe(5);
});

test('a run that an earlier version began from a file keeps its samples, its order and its key', () => {
  const ten = singleOf(numberedOf(10));
  const batches = fileBatches(ten, 'a file', { batch: 2, seed: 1 }, undefined);
  // As that version dealt them.
  expect(batches.key).toBe('file a file batch 2');
  expect([0, 1, 2, 3, 4, 5, 6, 7].map((i) => [...batches.inputs(i).timestep])).toEqual([
    ...[
      [9, 3],
      [0, 6],
      [2, 7],
      [5, 4],
    ],
    ...[
      [0, 6],
      [5, 4],
      [2, 7],
      [9, 3],
    ],
  ]);
  expect(batches.heldOut(8).map(({ timestep }) => [...timestep])).toEqual([[8, 1]]);
  expect(fileBatches(single, 'a file', { batch: 2, seed: 1 }, byPrompts).key).toBe(
    'file a file by prompt-groups batch 2',
  );
  const few = singleOf(numberedOf(3));
  expect(() => fileBatches(few, 'a file', { batch: 1, seed: 1 }, undefined)).toThrow(
    /found 3 samples; expected at least 4/,
  );
});
