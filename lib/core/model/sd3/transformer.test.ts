import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { readForwardInputs } from '../../capture/index.ts';
import { writeSafetensors } from '../../checkpoint/index.ts';
import { runEdit } from '../../edit/index.ts';
import { fromFloat32 } from '../../tensor/float.ts';
import { describePerEngine } from '../../tensor/test-engines.ts';
import { goldenCase, goldenModel, goldenValue } from '../golden-fill.ts';
import { sampleOf } from '../latents.ts';
import { openTransformer } from '../open.ts';
import { routeOf } from '../route.ts';
import { expectClose, expectGoldenStates, readGolden } from '../testing.ts';
import { SD3_GOLDENS } from './goldens.ts';

const golden = (name: string) => readGolden(import.meta.url, name);
const specOf = (name: string) => SD3_GOLDENS.find((spec) => spec.name === name)!;

/** A file of diffusers' arguments; values are the goldens'. */
function argumentsFile(hidden: number[], textTokens: number, time: { dtype: 'I64' | 'F32'; values: number[] }) {
  const [batch = 1] = hidden;
  const hashed = (name: string, shape: number[], index: number) => {
    const length = shape.reduce((product, n) => product * n, 1);
    const values = Float32Array.from({ length }, (_, k) => goldenValue(k, index));
    return { name, dtype: 'F32' as const, shape, bytes: fromFloat32(values, 'F32') };
  };
  const integers = new BigInt64Array(time.dtype === 'I64' ? time.values.map(BigInt) : []);
  const bytes =
    time.dtype === 'I64' ? new Uint8Array(integers.buffer) : fromFloat32(Float32Array.from(time.values), 'F32');
  const tensors = [
    hashed('hidden_states', hidden, 1000),
    hashed('encoder_hidden_states', [batch, textTokens, 32], 1001),
    hashed('pooled_projections', [batch, 64], 1002),
    { name: 'timestep', dtype: time.dtype, shape: [time.values.length], bytes },
  ];
  return { path: 'in.safetensors', blob: new Blob([writeSafetensors(tensors)]) };
}

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'the SD3 forward pass', () => {
  test.each(SD3_GOLDENS.map((spec) => [spec.name, spec] as const))(
    'gives the reference states and output of golden case %s, and leaves no tensor behind',
    async (name, spec) => {
      const reference = golden(name);
      const before = tf.memory().numTensors;
      const { config, checkpoint, inputs } = goldenCase(spec);
      const transformer = await openTransformer(config, checkpoint);
      const { values } = sampleOf(await transformer.forward(inputs), inputs, config);
      expectClose(values, reference.output, reference.tolerance);
      await expectGoldenStates(transformer, inputs, reference);
      transformer.dispose();
      expect(tf.memory().numTensors).toBe(before);
    },
  );

  test('reads pictures that are no whole number of patches from a file, with a real time step', async () => {
    const reference = golden('S5');
    const { config, checkpoint } = goldenModel({
      ...specOf('S3').config,
      dual_attention_layers: [3],
      pos_embed_max_size: 8,
      out_channels: null,
    });
    const file = argumentsFile([1, 4, 7, 11], 3, { dtype: 'F32', values: [123.456] });
    const inputs = await readForwardInputs(file, config);
    const transformer = await openTransformer(config, checkpoint);
    const { values, shape } = sampleOf(await transformer.forward(inputs), inputs, config);
    transformer.dispose();
    expect(shape).toEqual([1, 4, 6, 10]);
    expectClose(values, reference.output, reference.tolerance);
  });

  test('reads whole time steps as integers, and one for all samples', async () => {
    const reference = golden('S3');
    const { config, checkpoint } = goldenModel(specOf('S3').config);
    const transformer = await openTransformer(config, checkpoint);
    const run = async (values: number[]) => {
      const inputs = await readForwardInputs(argumentsFile([2, 4, 6, 10], 7, { dtype: 'I64', values }), config);
      return sampleOf(await transformer.forward(inputs), inputs, config).values;
    };
    expectClose(await run([370, 810]), reference.output, reference.tolerance);
    const half = reference.output.length / 2;
    expectClose((await run([370])).subarray(0, half), reference.output.slice(0, half), reference.tolerance);
    transformer.dispose();
  });

  test('without a stored table computes the same positions', async () => {
    const { config, checkpoint, inputs, expected } = goldenCase(specOf('S3'));
    const stored = await checkpoint.readBytes('pos_embed.pos_embed');
    expect(stored.length).toBe(4 * 96 * 96 * 32);
    const tensors = new Map([...checkpoint.tensors].filter(([name]) => name !== 'pos_embed.pos_embed'));
    const parts = await Promise.all(
      [...tensors].map(async ([name, info]) => [name, info, await checkpoint.readBytes(name)] as const),
    );
    const file = writeSafetensors(parts.map(([name, { dtype, shape }, bytes]) => ({ name, dtype, shape, bytes })));
    const { openFile } = await import('../../checkpoint/index.ts');
    const without = await openFile({ path: 'model.safetensors', blob: new Blob([file]) });
    const transformer = await openTransformer(config, without);
    const { values } = sampleOf(await transformer.forward(inputs), inputs, config);
    transformer.dispose();
    expectClose(values, [...expected], 2e-4);
  });

  test('reads a stored table rather than computing it', async () => {
    const { config, checkpoint, inputs } = goldenCase(specOf('S3'));
    const zeros = { ...checkpoint, readFloat32: async (_: string, from = 0, to = 0) => new Float32Array(to - from) };
    const outputs: Float32Array[] = [];
    for (const one of [checkpoint, zeros]) {
      const transformer = await openTransformer(config, one);
      outputs.push(await transformer.forward(inputs));
      transformer.dispose();
    }
    expect(outputs[0]).not.toEqual(outputs[1]);
  });

  test('leaves blocks out as diffusers skips them', async () => {
    const reference = golden('S6');
    const { config, checkpoint, inputs } = goldenCase({
      ...specOf('S2'),
      config: { ...specOf('S2').config, dual_attention_layers: [0, 1] },
    });
    const transformer = await openTransformer(config, checkpoint);
    const route = routeOf(config.numBlocks, [runEdit({ first: 1, last: 3 }, 'nothing')]);
    const { values } = sampleOf(await transformer.forward(inputs, route), inputs, config);
    transformer.dispose();
    expectClose(values, reference.output, reference.tolerance);
  });
});
