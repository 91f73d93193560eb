import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { type Checkpoint, openFile, type TensorToWrite, writeSafetensors } from '../../checkpoint/index.ts';
import { fromFloat32 } from '../../tensor/float.ts';
import { describePerEngine } from '../../tensor/test-engines.ts';
import type { GoldenSpec } from '../family.ts';
import { goldenCase } from '../golden-fill.ts';
import { openTransformer } from '../open.ts';
import { expectClose, expectGoldenStates, readGolden } from '../testing.ts';
import { FLUX2_GOLDENS } from './goldens.ts';

const golden = (name: string) => readGolden(import.meta.url, name);
const [FL2_1] = FLUX2_GOLDENS as [GoldenSpec];
/** One stack alone; these are in no engine check. */
const SPECS: readonly GoldenSpec[] = [
  ...FLUX2_GOLDENS,
  {
    name: 'FL2-4',
    config: { ...FL2_1.config, num_single_layers: 0 },
    inputs: {
      ...FL2_1.inputs,
      batch: 2,
      textTokens: 3,
      timestep: Float32Array.of(1.2, 0),
      imageTokens: 6,
      imageShapes: [[1, 2, 3]],
      guidance: 1,
    },
    expected: [],
  },
];
const FL2_5: GoldenSpec = {
  name: 'FL2-5',
  config: { ...FL2_1.config, num_layers: 0, num_single_layers: 2, guidance_embeds: false },
  inputs: {
    ...FL2_1.inputs,
    batch: 2,
    textTokens: 1,
    timestep: Float32Array.of(0.5, 0.5),
    imageTokens: 7,
    imageShapes: [[1, 1, 7]],
  },
  expected: [],
};

/** The same weights in a file of bfloat16. */
async function inBfloat16(checkpoint: Checkpoint): Promise<Checkpoint> {
  const tensors: TensorToWrite[] = [];
  for (const { name, shape } of checkpoint.tensors.values()) {
    tensors.push({ name, shape, dtype: 'BF16', bytes: fromFloat32(await checkpoint.readFloat32(name), 'BF16') });
  }
  return openFile({ path: 'model.safetensors', blob: new Blob([writeSafetensors(tensors)]) });
}

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'the FLUX.2 forward pass', () => {
  test.each(SPECS.map((spec) => [spec.name, spec] as const))(
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

  test('gives the reference states and output of golden case FL2-5 from weights in bfloat16', async () => {
    const reference = golden('FL2-5');
    const { config, checkpoint, inputs } = goldenCase(FL2_5);
    const transformer = await openTransformer(config, await inBfloat16(checkpoint));
    expectClose(await transformer.forward(inputs), reference.output, reference.tolerance);
    await expectGoldenStates(transformer, inputs, reference);
    transformer.dispose();
  });
});
