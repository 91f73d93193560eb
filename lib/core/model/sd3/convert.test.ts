import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { describePerEngine } from '../../tensor/test-engines.ts';
import { disposeState } from '../block-transformer.ts';
import { convertedWeights } from '../convert-block.ts';
import { blockAt } from '../counts.ts';
import { goldenCase } from '../golden-fill.ts';
import { openTransformer } from '../open.ts';
import { SD3_GOLDENS } from './goldens.ts';

const S3 = SD3_GOLDENS.find(({ name }) => name === 'S3')!;

/** The state of every stream after block `at` with weights of block `from`, as they are and as those of a block of `to`'s kind. */
async function statesWith(from: number, to: number, spec = S3) {
  const { config, checkpoint, inputs } = goldenCase(spec);
  const transformer = await openTransformer(config, checkpoint);
  const { state, context } = await transformer.begin(inputs);
  const own = await transformer.readBlock(from);
  const blocks = transformer.architecture;
  const converted = convertedWeights(config, own, blockAt(blocks, from), blockAt(blocks, to));
  const names = [...converted.entries()].map(([name]) => name);
  const found = [];
  for (const weights of [own, converted]) {
    const after = await transformer.runStep({ kind: 'student', index: from, weights }, state, context);
    found.push({ image: await after.image!.data(), text: await after.text!.data() });
    disposeState(after);
    weights.dispose();
  }
  disposeState(state);
  transformer.disposeContext(context);
  transformer.dispose();
  return { names, expected: blockAt(blocks, to).tensors.map(({ name }) => name), own: found[0]!, converted: found[1]! };
}

function expectAlike(found: ArrayLike<number>, expected: ArrayLike<number>) {
  for (let i = 0; i < expected.length; i++) expect(found[i]).toBeCloseTo(expected[i]!, 5);
}

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'a block of SD3 as one of another kind', () => {
  test('with dual attention computes what it did, and holds every tensor of the kind', async () => {
    const before = tf.memory().numTensors;
    const { names, expected, own, converted } = await statesWith(1, 0);
    expect(names).toEqual(expected);
    expectAlike(converted.image, own.image);
    expectAlike(converted.text, own.text);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('without dual attention is the block but for the second attention', async () => {
    const { names, expected, own, converted } = await statesWith(0, 1);
    expect(names).toEqual(expected);
    expectAlike(converted.text, own.text);
    expect(converted.image).not.toEqual(own.image);
  });

  test('as the last one gives the same image, and passes the text on', async () => {
    const { names, expected, own, converted } = await statesWith(1, 3);
    expect(names).toEqual(expected);
    expectAlike(converted.image, own.image);
    expect(converted.text).not.toEqual(own.text);
  });
});
