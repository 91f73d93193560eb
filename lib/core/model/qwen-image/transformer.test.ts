import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { runEdit } from '../../edit/index.ts';
import { seededRandom } from '../../random.ts';
import { describePerEngine } from '../../tensor/test-engines.ts';
import { disposeState } from '../block-transformer.ts';
import { parseModelConfig } from '../config.ts';
import { type GoldenCase, goldenCase, goldenCheckpoint } from '../golden-fill.ts';
import { openTransformer } from '../open.ts';
import { type DenseMap, probeMaps, routeOf, type StreamProbes } from '../route.ts';
import { expectClose, expectGoldenStates, readGolden } from '../testing.ts';
import type { TransformerInputs } from '../transformer.ts';
import { goldenQ1, goldenQ2, QWEN_IMAGE_GOLDENS } from './goldens.ts';

const golden = (name: string) => readGolden(import.meta.url, name);

const openSmall = (numBlocks: number, residentBytes?: number) => {
  const { config } = goldenQ1();
  const deep = parseModelConfig(JSON.stringify({ ...config.raw, num_layers: numBlocks }), 'config.json');
  return openTransformer(deep, goldenCheckpoint(deep), { residentBytes });
};

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'the Qwen-Image forward pass', () => {
  const cases = QWEN_IMAGE_GOLDENS.map((spec): [string, () => GoldenCase] => [
    spec.name.toLowerCase(),
    () => goldenCase(spec),
  ]);
  test.each(cases)('gives the reference output of golden case %s', async (name, make) => {
    const reference = golden(name);
    const { config, checkpoint, inputs } = make();
    const transformer = await openTransformer(config, checkpoint);
    expectClose(await transformer.forward(inputs), reference.output, reference.tolerance);
    transformer.dispose();
  });

  test.each(cases)('gives the reference state after every block of golden case %s', async (name, make) => {
    const reference = golden(name);
    const { config, checkpoint, inputs } = make();
    const transformer = await openTransformer(config, checkpoint);
    const output = await expectGoldenStates(transformer, inputs, reference);
    expectClose(output, reference.output, reference.tolerance);
    transformer.dispose();
  });

  test('agrees with the published statistics of golden case Q1', async () => {
    const { config, checkpoint, inputs } = goldenQ1();
    const transformer = await openTransformer(config, checkpoint);
    const output = await transformer.forward(inputs);
    transformer.dispose();
    expectClose(output.slice(0, 4), [-0.586938, 0.442492, 0.267009, -1.53159], 2e-4);
    expectClose(output.slice(-4), [-1.55721, 0.109985, 0.701856, -1.42505], 2e-4);
    expect(output.reduce((sum, v) => sum + v, 0) / output.length).toBeCloseTo(0.1636353, 4);
    expect(Math.sqrt(output.reduce((sum, v) => sum + v * v, 0))).toBeCloseTo(17.1526, 2);
  });

  test('ignores what a masked text token holds, and an all-ones mask equals none', async () => {
    const { config, checkpoint, inputs } = goldenQ2();
    const transformer = await openTransformer(config, checkpoint);
    const text = inputs.encoderHiddenStates.slice();
    text.fill(9, 5 * config.textDim, 8 * config.textDim);
    const masked = await transformer.forward(inputs);
    expect(await transformer.forward({ ...inputs, encoderHiddenStates: text })).toEqual(masked);
    const open = await transformer.forward({ ...inputs, mask: null });
    expect(await transformer.forward({ ...inputs, mask: new Uint8Array(16).fill(1) })).toEqual(open);
    expect(open).not.toEqual(masked);
    transformer.dispose();
  });

  test('leaves no tensor behind, however often it runs and whether or not blocks stay resident', async () => {
    const before = tf.memory().numTensors;
    for (const residentBytes of [0, 600_000, 2 ** 30]) {
      const transformer = await openSmall(3, residentBytes);
      const { inputs } = goldenQ2();
      await transformer.forward(inputs);
      const held = tf.memory().numTensors;
      for (let run = 0; run < 3; run++) await transformer.forward(inputs);
      expect(tf.memory().numTensors).toBe(held);
      transformer.dispose();
      expect(tf.memory().numTensors).toBe(before);
    }
  });

  test('gives the same output whether blocks stay resident or are read each time', async () => {
    const { inputs } = goldenQ2();
    const outputs: Float32Array[] = [];
    for (const residentBytes of [0, 600_000, 2 ** 30]) {
      const transformer = await openSmall(3, residentBytes);
      outputs.push(await transformer.forward(inputs), await transformer.forward(inputs));
      transformer.dispose();
    }
    for (const output of outputs) expect(output).toEqual(outputs[0]);
  });

  test('along a route with an interval removed equals the same blocks in a row', async () => {
    const { inputs } = goldenQ2();
    const transformer = await openSmall(4);
    const pruned = await transformer.forward(inputs, routeOf(4, [runEdit({ first: 1, last: 2 }, 'nothing')]));
    const { state, context } = await transformer.begin(inputs);
    let current = state;
    for (const index of [0, 1, 3]) {
      const next = await transformer.runBlock(index, current, context);
      disposeState(current);
      current = next;
    }
    const output = transformer.project(current, context);
    expectClose(pruned, [...(await output.data())], 1e-5);
    expect(pruned).not.toEqual(await transformer.forward(inputs));
    disposeState(current);
    output.dispose();
    transformer.disposeContext(context);
    transformer.dispose();
  });

  test('applies probes as residual maps, and null probes as leaving the block out', async () => {
    const { inputs } = goldenQ2();
    const transformer = await openSmall(4);
    const width = transformer.config.width;
    const random = seededRandom(5);
    const map = (): DenseMap => ({
      weight: Float32Array.from({ length: width * width }, () => 0.05 * random.normal()),
      bias: Float32Array.from({ length: width }, () => random.normal()),
    });
    const nothing: StreamProbes[] = Array.from({ length: 4 }, () => ({ image: null, text: null }));
    const probes = nothing.map(() => ({ image: map(), text: map() }));
    const interval = { first: 1, last: 2 };
    const byProbes = [runEdit(interval, 'probes')];
    const removed = await transformer.forward(inputs, routeOf(4, [runEdit(interval, 'nothing')]));
    expect(await transformer.forward(inputs, routeOf(4, byProbes, { maps: probeMaps(nothing) }))).toEqual(removed);

    const found = await transformer.forward(inputs, routeOf(4, byProbes, { maps: probeMaps(probes) }));
    const begun = await transformer.begin(inputs);
    const context = begun.context;
    let state = await transformer.runBlock(0, begun.state, context);
    state = await transformer.runBlock(1, state, context);
    const mapped = async (x: tf.Tensor3D, { weight, bias }: DenseMap) => {
      const values = await x.data();
      const out = Float64Array.from(values);
      for (let row = 0; row < values.length / width; row++) {
        for (let to = 0; to < width; to++) {
          let sum = bias[to]!;
          for (let from = 0; from < width; from++) sum += values[row * width + from]! * weight[from * width + to]!;
          out[row * width + to]! += sum;
        }
      }
      return tf.tensor3d(Float32Array.from(out), x.shape);
    };
    const [image, text] = [await mapped(state.image!, probes[2]!.image), await mapped(state.text!, probes[2]!.text)];
    const last = await transformer.runBlock(3, { image, text }, context);
    expectClose(found, [...(await transformer.project(last, context).data())], 1e-4);
    transformer.disposeContext(context);
    transformer.dispose();
    tf.disposeVariables();
  });

  test('refuses inputs that do not fit, naming the input', async () => {
    const transformer = await openSmall(1);
    const { inputs } = goldenQ1();
    const before = tf.memory().numTensors;
    const refused: [Partial<TransformerInputs>, RegExp][] = [
      [{ hiddenStates: new Float32Array(3) }, /hidden_states: .*found 3.*256 for \[1, 16, 16\]/],
      [{ encoderHiddenStates: new Float32Array(3) }, /encoder_hidden_states/],
      [{ timestep: Float32Array.of(0.1, 0.2) }, /timestep/],
      [{ mask: new Uint8Array(3) }, /encoder_hidden_states_mask/],
      [{ imageShapes: [[1, 4, 5]] }, /img_shapes: .*20 tokens.*16 tokens/],
      [{ imageShapes: [[1, -4, -4]] }, /img_shapes/],
    ];
    for (const [change, message] of refused) {
      await expect(transformer.forward({ ...inputs, ...change })).rejects.toThrow(message);
    }
    expect(tf.memory().numTensors).toBe(before);
    transformer.dispose();
  });
});
