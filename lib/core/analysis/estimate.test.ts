import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test, vi } from 'vitest';
import { sampleTokens, syntheticCalibration } from '../capture/index.ts';
import { ablationsOf, WAYS_PER_READING } from '../detection/index.ts';
import { runEdit } from '../edit/index.ts';
import { goldenCheckpoint } from '../model/golden-fill.ts';
import { openTransformer, parseModelConfig, type Transformer } from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { memoryStates } from '../states/index.ts';
import { startTestEngine } from '../tensor/test-engines.ts';
import { analyse } from './analyse.ts';
import { damageInputsOf, editDamage, partDamage } from './edit-damage.ts';
import { type EstimateOptions, estimateAnalysis } from './estimate.ts';

const BLOCKS = 6;
const config = parseModelConfig(JSON.stringify({ ...goldenQ1().config.raw, num_layers: BLOCKS }), 'config.json');
const calibration = sampleTokens(syntheticCalibration(config, { samples: 16, timesteps: 4, seed: 5 }), 256);
const PROCESS = 200e6;

/** Of weights that do not stay on the engine, unless `residentBytes` has room for them. */
async function estimate(options: Partial<EstimateOptions> = {}, of = calibration, residentBytes = 0) {
  const before = tf.memory().numTensors;
  const transformer = await openTransformer(config, goldenCheckpoint(config), { residentBytes });
  const found = await estimateAnalysis(transformer, of, {
    memoryBytes: 4e9,
    inFiles: true,
    blockBytes: 1e6,
    meter: { now: () => PROCESS, peak: () => PROCESS + 50e6 },
    ...options,
  });
  transformer.dispose();
  expect(tf.memory().numTensors).toBe(before);
  return found;
}

beforeAll(() => startTestEngine('wasm'));

test('tells what is stored to the byte, but for results and headers', async () => {
  const transformer: Transformer = await openTransformer(config, goldenCheckpoint(config));
  const store = memoryStates();
  await analyse(transformer, calibration, { store, damage: { intervals: 0 } });
  const { storedBytes, tokens } = await estimate({ inFiles: false });
  expect(tokens).toEqual({ image: 256, text: 256 });
  expect(store.usage.memoryBytes / storedBytes).toBeGreaterThan(0.9);
  expect(store.usage.memoryBytes / storedBytes).toBeLessThan(1.25);
  transformer.dispose();
});

test('reads every block once for states, and once for each sweep of edits that memory allows', async () => {
  expect((await estimate({ damage: { intervals: 0 } })).readBytes).toBe(1e6);
  expect((await estimate({ damage: { intervals: 3 } })).readBytes).toBe(2e6);
  expect((await estimate({ damage: { intervals: 3 } }, calibration, 1e9)).readBytes).toBe(1e6);
});

test('damage costs what samples and intervals say', async () => {
  const none = await estimate({ damage: { intervals: 0 } });
  expect(none.seconds.damage).toBe(0);
  const { damage, seconds } = await estimate({ damage: { intervals: 4, samples: 2 } });
  expect(damage).toMatchObject({ intervals: 4, samples: 2 });
  expect(seconds.damage).toBeGreaterThan(4 * damage.secondsPerInterval);
});

test('counts the blocks that run after each interval that is named', async () => {
  const blocksRun = async (
    intervals: Exclude<NonNullable<EstimateOptions['damage']>['intervals'], number | undefined>,
  ) => {
    const { damage, seconds } = await estimate({ damage: { intervals, samples: 2 } });
    return damage.secondsPerInterval / (seconds.forward / (BLOCKS * calibration.levels.length));
  };
  expect(await blocksRun([{ first: 0, last: 1 }])).toBeCloseTo(2 * 2 * 4, 6);
  expect(await blocksRun([{ first: 3, last: 5 }])).toBe(0);
});

const PLACES = [
  { where: 'stay', residentBytes: 1e9, waysAtOnce: Number.POSITIVE_INFINITY },
  { where: 'are read again', residentBytes: 0, waysAtOnce: WAYS_PER_READING },
];

test.each((['blocks', 'parts', 'intervals'] as const).flatMap((which) => PLACES.map((place) => ({ which, ...place }))))(
  'tells what the ablation of $which takes besides, as it is then measured, where weights $where',
  async ({ which, residentBytes, waysAtOnce }) => {
    const transformer = await openTransformer(config, goldenCheckpoint(config), { residentBytes });
    const inputs = damageInputsOf(calibration, [], 'prompt-groups', 2);
    const list = ablationsOf(which, { numBlocks: BLOCKS });
    const options = { waysAtOnce };
    await editDamage(transformer, inputs, [runEdit({ first: 0, last: 1 }, 'nothing')], options);
    // Every block that runs, the model's own and those with a half taken out.
    const runStep = vi.spyOn(transformer, 'runStep');
    await editDamage(transformer, inputs, list.edits, options);
    await partDamage(transformer, inputs, list.parts, options);
    const runs = runStep.mock.calls.length / inputs.batches.length;

    const asked = { damage: { samples: 2, intervals: 0 }, ablations: [list] };
    const { ablation, seconds, damage, readBytes } = await estimate(asked, calibration, residentBytes);
    expect(damage.samples).toBe(2);
    expect(readBytes).toBe(1e6);
    const sweepsOf = ({ length }: readonly unknown[]) => Math.ceil(length / WAYS_PER_READING);
    const sweeps = residentBytes > 0 ? 0 : sweepsOf(list.edits) + sweepsOf(list.parts);
    expect(ablation).toMatchObject({ ways: list.edits.length + list.parts.length, readBytes: sweeps * 1e6 });
    const perBlock = seconds.forward / (BLOCKS * calibration.levels.length);
    expect((ablation!.seconds - sweeps * seconds.weights) / (2 * perBlock)).toBeCloseTo(runs, 6);
    transformer.dispose();
  },
);

test('expects no damage of tokens that are too few for any interval to be read', async () => {
  const few = sampleTokens(calibration, 48);
  const { damage, seconds, readBytes } = await estimate({ damage: { intervals: 3 } }, few);
  expect([damage.intervals, seconds.damage, readBytes]).toEqual([0, 0, 1e6]);
  const transformer = await openTransformer(config, goldenCheckpoint(config));
  expect((await analyse(transformer, few)).analysis.damage).toEqual([]);
  transformer.dispose();
});

test('refuses memory that is too little with the least that would do, which does', async () => {
  const refused = await estimate({ memoryBytes: 1e6 }).catch((thrown: unknown) => thrown);
  expect(refused).toMatchObject({ code: 'too-large', details: { found: '1 MB allowed' } });
  const { expected = '' } = (refused as { details: { expected?: string } }).details;
  const least = Number(/at least ([\d.]+) MB/.exec(expected)?.[1]) * 1e6;
  expect(least).toBeGreaterThan(PROCESS);
  const { memoryBytes, limits } = await estimate({ memoryBytes: least });
  expect(memoryBytes).toBeLessThanOrEqual(least * 1.05);
  expect(limits.engineBytes).toBeLessThan((await estimate()).limits.engineBytes);
});

test('names what the page and the terminal have in common as a way out', async () => {
  const refused = estimate({ memoryBytes: 1e6, inFiles: false });
  await expect(refused).rejects.toThrow(/Allow more memory, or analyse fewer tokens, or fewer or smaller samples\.$/);
});
