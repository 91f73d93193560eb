import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { describePerEngine } from '../../tensor/test-engines.ts';
import { goldenCase } from '../golden-fill.ts';
import { openTransformer } from '../open.ts';
import { expectClose, expectGoldenStates, readGolden } from '../testing.ts';
import { FLUX_GOLDENS } from './goldens.ts';

const golden = (name: string) => readGolden(import.meta.url, name);

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'the FLUX.1 forward pass', () => {
  test.each(FLUX_GOLDENS.map((spec) => [spec.name, spec] as const))(
    'gives the reference states and output of golden case %s, and leaves no tensor behind',
    async (name, spec) => {
      const reference = golden(name);
      const before = tf.memory().numTensors;
      const { config, checkpoint, inputs } = goldenCase(spec);
      const transformer = await openTransformer(config, checkpoint);
      expectClose(await transformer.forward(inputs), reference.output, reference.tolerance);
      await expectGoldenStates(transformer, inputs, reference);
      transformer.dispose();
      expect(tf.memory().numTensors).toBe(before);
    },
  );

  test('agrees with the published statistics of golden cases F1 and F2', async () => {
    const published = { F1: [0.09912292, 4.871936], F2: [-0.3461842, 4.518252] } as const;
    for (const [name, [mean, norm]] of Object.entries(published)) {
      const { config, checkpoint, inputs } = goldenCase(FLUX_GOLDENS.find((spec) => spec.name === name)!);
      const transformer = await openTransformer(config, checkpoint);
      const output = await transformer.forward(inputs);
      transformer.dispose();
      expect(output.reduce((sum, v) => sum + v, 0) / output.length).toBeCloseTo(mean, 4);
      expect(Math.sqrt(output.reduce((sum, v) => sum + v * v, 0))).toBeCloseTo(norm, 3);
    }
  });
});
