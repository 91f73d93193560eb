import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { goldenCheckpoint } from '../model/golden-fill.ts';
import { openTransformer, parseModelConfig } from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { memoryStates } from '../states/index.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import type { CapturedBlock } from './calibration.ts';
import { type CaptureOptions, captureStates } from './capture-states.ts';
import { syntheticCalibration } from './synthetic-calibration.ts';

const configOf = (own: object) =>
  parseModelConfig(JSON.stringify({ ...goldenQ1().config.raw, num_layers: 5, ...own }), 'config.json');
const config = configOf({});
/** Blocks 1, 2 and 4 attend to the text that the block before them modulated: it is part of the state between them. */
const narrow = configOf({ single_stream_index: [1, 2, 4], ffn_proj_index: [0, 2], ehs_proj_index: [2] });
const calibration = syntheticCalibration(config, { samples: 18, timesteps: 3, seed: 2 });

async function capture(
  options: CaptureOptions,
  stopAfter = Number.POSITIVE_INFINITY,
  of = config,
): Promise<CapturedBlock[]> {
  const transformer = await openTransformer(of, goldenCheckpoint(of));
  const kept: CapturedBlock[] = [];
  const keep = async (block: CapturedBlock) => {
    // As a process that dies before it has stored this one.
    if (block.index > stopAfter) throw new Error('killed');
    kept.push(block);
  };
  try {
    for await (const block of captureStates(transformer, calibration, { ...options, keep })) {
      expect(kept.at(-1)).toBe(block);
    }
  } catch (thrown) {
    expect(thrown).toMatchObject({ message: 'killed' });
  }
  transformer.dispose();
  return kept;
}
const statesOf = (blocks: CapturedBlock[]) => blocks.map(({ index, states }) => ({ index, states }));

describePerEngine(['wasm', 'tensorflow'], 'a capture with a store', () => {
  test('is the same to the bit when states of batches wait in the store', async () => {
    const whole = statesOf(await capture({}));
    const tensors = tf.memory().numTensors;
    const store = memoryStates();
    expect(statesOf(await capture({ store, engineBytes: 0 }))).toEqual(whole);
    expect(tf.memory().numTensors).toBe(tensors);
    expect(store.usage.memoryBytes).toBe(0);
  });

  test.each([
    ['on the engine', Number.POSITIVE_INFINITY],
    ['in the store', 0],
  ])('goes on after every block, to the bit, from states that waited %s', async (_, engineBytes) => {
    const whole = statesOf(await capture({}));
    for (let stop = 0; stop < 4; stop++) {
      const store = memoryStates();
      const options = { store, engineBytes, checkpointEveryMs: 0 };
      await capture(options, stop);
      const tensors = tf.memory().numTensors;
      const runs = await runsOf(() => capture({ ...options, from: stop + 1 }));
      expect(statesOf(runs.blocks)).toEqual(whole.slice(stop + 2));
      // Blocks before it are not run again.
      expect(runs.blocksRun).toBe(calibration.batches.length * (4 - stop));
      expect(tf.memory().numTensors).toBe(tensors);
    }
  });

  test.each([
    ['on the engine', Number.POSITIVE_INFINITY],
    ['in the store', 0],
  ])('keeps the text that narrower blocks carry, in states that waited %s', async (_, engineBytes) => {
    const whole = statesOf(await capture({}, Number.POSITIVE_INFINITY, narrow));
    for (let stop = 0; stop < 4; stop++) {
      const store = memoryStates();
      const options = { store, engineBytes, checkpointEveryMs: 0 };
      await capture(options, stop, narrow);
      const blocks = await capture({ ...options, from: stop + 1 }, Number.POSITIVE_INFINITY, narrow);
      expect(statesOf(blocks)).toEqual(whole.slice(stop + 2));
      expect(store.usage.memoryBytes).toBe(0);
    }
  });

  test('starts anew where a stored state is missing', async () => {
    const whole = statesOf(await capture({}));
    const store = memoryStates();
    await capture({ store, checkpointEveryMs: 0 }, 2);
    for (const turn of [0, 1]) await store.remove(`pass/${turn}-1-text`);
    const runs = await runsOf(() => capture({ store, from: 3, checkpointEveryMs: 0 }));
    expect(statesOf(runs.blocks)).toEqual(whole.slice(4));
    expect(runs.blocksRun).toBe(calibration.batches.length * 5);
  });
});

/** Counts the softmaxes: one for each block and batch. */
async function runsOf(run: () => Promise<CapturedBlock[]>): Promise<{ blocks: CapturedBlock[]; blocksRun: number }> {
  let blocks: CapturedBlock[] = [];
  const { kernels, result } = await tf.profile(async () => {
    blocks = await run();
    return tf.scalar(0);
  });
  tf.dispose(result);
  return { blocks, blocksRun: kernels.filter(({ name }) => name === 'Softmax').length };
}
