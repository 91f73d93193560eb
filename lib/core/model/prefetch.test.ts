import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import type { Checkpoint } from '../checkpoint/types.ts';
import { startTestEngine } from '../tensor/test-engines.ts';
import { disposeState } from './block-transformer.ts';
import { openTransformer } from './open.ts';
import { goldenQ1 } from './qwen-image/goldens.ts';

beforeAll(() => startTestEngine('cpu'));

const { config, checkpoint, inputs } = goldenQ1();

/** Counts the readings of each block that were begun; `refuses` fails those of one. */
function counting(refuses?: number): { checkpoint: Checkpoint; begun: number[] } {
  const begun: number[] = [];
  return {
    begun,
    checkpoint: {
      ...checkpoint,
      async *readEach(names, aheadBytes) {
        const block = /^transformer_blocks\.(\d+)\./.exec(names[0] ?? '')?.[1];
        if (block !== undefined) begun.push(Number(block));
        if (block !== undefined && Number(block) === refuses) throw new Error('the disk is gone');
        yield* checkpoint.readEach(names, aheadBytes);
      },
    },
  };
}

test('a block that was begun ahead is read once, and computes the same', async () => {
  const plain = await openTransformer(config, checkpoint, { residentBytes: 0 });
  const expected = await plain.forward(inputs);
  plain.dispose();

  const { checkpoint: counted, begun } = counting();
  const transformer = await openTransformer(config, counted, { residentBytes: 0 });
  const { state, context } = await transformer.begin(inputs);
  await transformer.loadBlock(0);
  transformer.prefetchBlock(1);
  expect(begun).toEqual([0, 1]);
  const first = await transformer.runBlock(0, state, context);
  await transformer.loadBlock(1);
  transformer.prefetchBlock(1);
  // The last block has none after it.
  transformer.prefetchBlock(2);
  const second = await transformer.runBlock(1, first, context);
  const output = transformer.project(second, context);
  expect(await output.data()).toEqual(expected);
  expect(begun).toEqual([0, 1]);
  output.dispose();
  for (const one of [state, first, second]) disposeState(one);
  transformer.disposeContext(context);
  transformer.dispose();
});

test('what was begun ahead and is not needed leaves no tensor behind', async () => {
  const before = tf.memory().numTensors;
  const { checkpoint: counted, begun } = counting();
  const transformer = await openTransformer(config, counted, { residentBytes: 0 });
  const open = tf.memory().numTensors;
  transformer.prefetchBlock(1);
  await transformer.loadBlock(0);
  transformer.prefetchBlock(0);
  transformer.releaseBlocks();
  expect(tf.memory().numTensors).toBe(open);
  await transformer.loadBlock(1);
  expect(begun).toEqual([1, 0, 1]);
  transformer.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

test('a reading ahead that fails is told when the block is needed, and not before', async () => {
  const { checkpoint: failing } = counting(1);
  const transformer = await openTransformer(config, failing, { residentBytes: 0 });
  await transformer.loadBlock(0);
  transformer.prefetchBlock(1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await expect(transformer.loadBlock(1)).rejects.toThrow('the disk is gone');
  transformer.dispose();
});
