import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { goldenCheckpoint } from '../model/golden-fill.ts';
import { disposeState, openTransformer, parseModelConfig } from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { seededRandom } from '../random.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { type CapturedBlock, calibrationOf } from './calibration.ts';
import { captureStates } from './capture-states.ts';
import { syntheticCalibration } from './synthetic-calibration.ts';

const { config } = goldenQ1();
const IMAGE_TOKENS = 6;
const open = (residentBytes?: number) => openTransformer(config, goldenCheckpoint(config), { residentBytes });
/** 18 samples, so that there is a full and a short batch, with a different number of valid tokens each. */
const calibration = (() => {
  const random = seededRandom(4);
  const normals = (length: number) => Float32Array.from({ length }, () => random.normal());
  const all = {
    batch: 18,
    imageTokens: IMAGE_TOKENS,
    textTokens: 8,
    imageShapes: [[1, 2, 3]] as const,
    hiddenStates: normals(18 * IMAGE_TOKENS * config.inChannels),
    encoderHiddenStates: normals(18 * 8 * config.textDim),
    timestep: Float32Array.from({ length: 18 }, (_, i) => (i % 3) / 3),
    mask: Uint8Array.from({ length: 18 * 8 }, (_, i) => (i % 8 <= Math.floor(i / 8) % 5 ? 1 : 0)),
    extra: {},
  };
  return calibrationOf(all, { kind: 'synthetic', label: 'masked', seed: 4, file: null }, config);
})();

async function capture(residentBytes?: number): Promise<CapturedBlock[]> {
  const transformer = await open(residentBytes);
  const blocks: CapturedBlock[] = [];
  for await (const block of captureStates(transformer, calibration)) blocks.push(block);
  transformer.dispose();
  return blocks;
}

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'capturing hidden states', () => {
  test('yields the embedded input and every block, with a row per image token and per valid text token', async () => {
    const blocks = await capture();
    expect(blocks.map((b) => b.index)).toEqual([-1, 0, 1]);
    const validTokens = 18 * 3 - 3; // 1 to 5 tokens in turn, over 18 samples
    expect(calibration.rows.text).toHaveLength(validTokens);
    expect(calibration.rows.image).toHaveLength(18 * IMAGE_TOKENS);
    expect([...calibration.rows.text!.slice(0, 7)]).toEqual([0, 1, 1, 2, 2, 2, 3]);
    for (const block of blocks) {
      expect(block.states.image).toHaveLength(18 * IMAGE_TOKENS * config.width);
      expect(block.states.text).toHaveLength(validTokens * config.width);
      expect(block.states.image!.every(Number.isFinite)).toBe(true);
    }
    expect(blocks[1]!.blockMs).toBeGreaterThan(0);
  });

  test('gives each sample the states that it has alone', async () => {
    const blocks = await capture();
    const transformer = await open();
    const batch = calibration.batches[1]!;
    const { state, context } = await transformer.begin(batch);
    const next = await transformer.runBlock(0, state, context);
    const alone = await next.image!.data();
    expect([...blocks[1]!.states.image!.slice(16 * IMAGE_TOKENS * config.width)]).toEqual([...alone]);
    // Sample 17 has three valid tokens; they are the last rows.
    const text = (await next.text!.data()).slice(8 * config.width, 11 * config.width);
    expect([...blocks[1]!.states.text!.slice(-3 * config.width)]).toEqual([...text]);
    disposeState(state);
    disposeState(next);
    transformer.disposeContext(context);
    transformer.dispose();
  });

  test('is the same whether weights stay resident or are read block by block', async () => {
    const states = (blocks: CapturedBlock[]) => blocks.map((block) => block.states);
    expect(states(await capture(0))).toEqual(states(await capture()));
  });

  test('leaves no tensor behind when it ends, when it is left early and when it is stopped', async () => {
    const before = tf.memory().numTensors;
    await capture(0);
    expect(tf.memory().numTensors).toBe(before);

    const transformer = await open();
    for await (const _ of captureStates(transformer, calibration));
    const held = tf.memory().numTensors;
    for await (const block of captureStates(transformer, calibration)) if (block.index === 0) break;
    const controller = new AbortController();
    const stopped = (async () => {
      for await (const _ of captureStates(transformer, calibration, { signal: controller.signal })) controller.abort();
    })();
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
    await expect(stopSoon()).rejects.toMatchObject({ code: 'cancelled' });
    expect(tf.memory().numTensors).toBe(held);
    transformer.dispose();

    /** Asks to stop from a task of its own, as a message from the page does, which only a capture that pauses hears. */
    async function stopSoon(): Promise<void> {
      const late = new AbortController();
      setTimeout(() => late.abort());
      for (let round = 0; round < 50; round++) {
        for await (const _ of captureStates(transformer, calibration, { signal: late.signal }));
      }
    }
    expect(tf.memory().numTensors).toBe(before);
  });
});

test('an overflow is told by block and stream, and leaves no tensor behind', async () => {
  const before = tf.memory().numTensors;
  const weights = goldenCheckpoint(config);
  const checkpoint = {
    ...weights,
    async *readEach(names: readonly string[]) {
      for await (const { info, values } of weights.readEach(names)) {
        yield { info, values: info.name === 'transformer_blocks.1.img_mlp.net.2.weight' ? values.fill(3e38) : values };
      }
    },
  };
  const transformer = await openTransformer(config, checkpoint, { residentBytes: 0 });
  const seen: number[] = [];
  const capturing = (async () => {
    for await (const { index } of captureStates(transformer, calibration)) seen.push(index);
  })();
  await expect(capturing).rejects.toMatchObject({
    code: 'state-not-finite',
    message: expect.stringMatching(/found .* in the state after block 1, image stream/),
  });
  expect(seen).toEqual([-1, 0]);
  transformer.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

test('synthetic inputs say so, are seeded, and spread their time steps inside (0, 1)', () => {
  const make = (seed: number) => syntheticCalibration(config, { samples: 20, timesteps: 4, seed });
  const { facts, batches } = make(7);
  expect(facts.label).toBe('SYNTHETIC inputs, seed 7: 8 × 8 tokens');
  expect(facts).toMatchObject({ kind: 'synthetic', seed: 7, samples: 20, timesteps: [0.125, 0.375, 0.625, 0.875] });
  expect(batches.map((b) => b.batch)).toEqual([16, 4]);
  expect(make(7).batches).toEqual(batches);
  expect(make(8).batches).not.toEqual(batches);
});

test('a wide model gets small batches', () => {
  const wide = parseModelConfig('{"_class_name":"QwenImageTransformer2DModel"}', 'config.json');
  const imageTokens = 4096;
  const all = {
    batch: 3,
    imageTokens,
    textTokens: 4,
    imageShapes: [[1, 64, 64]] as const,
    hiddenStates: new Float32Array(3 * imageTokens * wide.inChannels),
    encoderHiddenStates: new Float32Array(3 * 4 * wide.textDim),
    timestep: new Float32Array(3),
    mask: null,
    extra: {},
  };
  const about = { kind: 'file', label: 'wide', seed: null, file: null } as const;
  expect(calibrationOf(all, about, wide).batches.map((b) => b.batch)).toEqual([1, 1, 1]);
});
