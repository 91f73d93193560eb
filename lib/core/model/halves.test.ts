/** Blocks without one of their halves, held to diffusers with the same modules' outputs set to zero (training/half_goldens.py). */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { describePerEngine } from '../tensor/test-engines.ts';
import { BLOCK_HALVES, type BlockHalf } from './architecture.ts';
import { FAMILIES } from './families.ts';
import { goldenCase } from './golden-fill.ts';
import { sampleOf } from './latents.ts';
import { openTransformer } from './open.ts';
import type { Route } from './route.ts';
import { expectClose } from './testing.ts';

const CASES = [
  ['qwen-image', 'Q2'],
  ['qwen-image', 'Q3'],
  ['flux', 'F2'],
  ['flux2', 'FL2-2'],
  ['flux2', 'FL2-3'],
  ['sd3', 'S3'],
  ['sd3', 'S4'],
] as const;

interface HalvesGolden {
  readonly tolerance: number;
  readonly outputs: readonly { readonly block: number; readonly without: BlockHalf; readonly output: number[] }[];
}

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'a block without one half', () => {
  test.each(CASES)('of %s, case %s, gives the reference output, and leaves no tensor behind', async (family, name) => {
    const file = new URL(`./${family}/goldens/halves-${name.toLowerCase()}.json`, import.meta.url);
    const { outputs, tolerance }: HalvesGolden = JSON.parse(readFileSync(file, 'utf8'));
    const goldens = await FAMILIES.find((one) => one.name === family)!.goldens();
    const before = tf.memory().numTensors;
    const { config, checkpoint, inputs } = goldenCase(goldens.find((one) => one.name === name)!);
    const transformer = await openTransformer(config, checkpoint);
    expect(outputs.length).toBe(config.numBlocks * BLOCK_HALVES.length);
    for (const { block, without, output } of outputs) {
      const route: Route = transformer.architecture.blocks.map(({ index }) =>
        index === block ? { kind: 'half', index, without } : { kind: 'block', index },
      );
      const { values } = sampleOf(await transformer.forward(inputs, route), inputs, config);
      expectClose(values, output, tolerance);
    }
    transformer.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
