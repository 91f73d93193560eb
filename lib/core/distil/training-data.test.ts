import { expect, test } from 'vitest';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { fileBatches, syntheticBatches } from './training-data.ts';

const { config } = goldenQ1();

/** Ten samples whose every value is the sample's number. */
const numbered = (() => {
  const samples = 10;
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
})();

test('a batch is the same whenever it is asked for, and others for another number or seed', () => {
  const batches = syntheticBatches(config, { batch: 2, seed: 5 });
  const third = batches.inputs(3);
  batches.inputs(4);
  expect(batches.inputs(3)).toEqual(third);
  expect(syntheticBatches(config, { batch: 2, seed: 5 }).inputs(3)).toEqual(third);
  expect(batches.inputs(4).hiddenStates).not.toEqual(third.hiddenStates);
  expect(syntheticBatches(config, { batch: 2, seed: 6 }).inputs(3).hiddenStates).not.toEqual(third.hiddenStates);
});

test('every seed is measured on the same held-out samples, which are no training batch', () => {
  const first = syntheticBatches(config, { batch: 2, seed: 5 });
  const second = syntheticBatches(config, { batch: 2, seed: 6 });
  expect(second.heldOut(3)).toEqual(first.heldOut(3));
  expect(first.heldOut(3).map(({ batch }) => batch)).toEqual([2, 1]);
  expect(first.heldOut(2)[0]!.hiddenStates).not.toEqual(first.inputs(0).hiddenStates);
});

test('an epoch of a file holds every training sample once, in a new order each time, and no held-out one', () => {
  const batches = fileBatches(numbered, 'a file', { batch: 2, seed: 1 });
  const epoch = (n: number) => [0, 1, 2, 3].flatMap((i) => [...batches.inputs(4 * n + i).timestep]);
  const [heldOut] = batches.heldOut(8);
  expect(heldOut!.timestep).toHaveLength(2);
  const trained = numbered.timestep.filter((sample) => !heldOut!.timestep.includes(sample));
  for (const n of [0, 1, 2]) expect(epoch(n).toSorted((x, y) => x - y)).toEqual([...trained]);
  expect([epoch(1), epoch(2)]).not.toEqual([epoch(0), epoch(0)]);
  expect(heldOut!.hiddenStates[0]).toBe(heldOut!.timestep[0]);
  expect(heldOut!.hiddenStates).toHaveLength(2 * 2 * config.inChannels);
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
  const batches = fileBatches(numbered, 'a file', { batch: 3, seed: 1 });
  expect(batches.batch).toBe(2);
  const epoch = [0, 1, 2].flatMap((i) => [...batches.inputs(i).timestep]);
  expect(new Set(epoch).size).toBe(6);
});

test('a batch larger than the file is the whole of what may be trained on', () => {
  expect(fileBatches(numbered, 'a file', { batch: 64, seed: 1 }).batch).toBe(8);
});

test('a file of too few samples is refused', () => {
  const few = { ...numbered, batch: 3 };
  expect(() => fileBatches(few, 'a file', { batch: 1, seed: 1 })).toThrow(/found 3 samples; expected at least 4/);
});
