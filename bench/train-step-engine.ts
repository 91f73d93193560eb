/** The contestant of bench/train-step.ts that runs this product's training step on one engine: `engine width [--kernels]`. */
import { createInterface } from 'node:readline';
import * as tf from '@tensorflow/tfjs-core';
import {
  AdamW,
  flatten,
  layoutOf,
  lossAndGradients,
  streamLoss,
  unflatten,
  weightSetOf,
} from '../lib/core/distill/index.ts';
import { goldenCheckpoint } from '../lib/core/model/golden-fill.ts';
import { openTransformer, parseModelConfig } from '../lib/core/model/index.ts';
import { DEFAULT_DISTIL } from '../lib/core/run/index.ts';
import { nodeEngines } from '../workers/engines-node.ts';
import { SIZES, TOKENS } from './train-step-sizes.ts';

const [engine, width, kernels] = process.argv.slice(2);
const size = SIZES[width ?? ''];
if (!size || (engine !== 'tensorflow' && engine !== 'wasm' && engine !== 'cpu'))
  throw new Error('engine width [--kernels]');
const { batch } = size;
const report = await nodeEngines().start(engine);
console.error(`${engine}: ${report.device}`);

const config = parseModelConfig(
  JSON.stringify({
    _class_name: 'QwenImageTransformer2DModel',
    patch_size: 2,
    in_channels: 16,
    out_channels: 4,
    num_layers: 1,
    attention_head_dim: size.headDim,
    num_attention_heads: size.heads,
    joint_attention_dim: 16,
    axes_dims_rope: size.ropeAxes,
  }),
  'config.json',
);
const transformer = await openTransformer(config, goldenCheckpoint(config));
const { state, context } = await transformer.begin({
  hiddenStates: new Float32Array(batch * TOKENS.image * config.inChannels).fill(0.5),
  imageTokens: TOKENS.image,
  encoderHiddenStates: new Float32Array(batch * TOKENS.text * config.textDim).fill(0.5),
  textTokens: TOKENS.text,
  mask: null,
  timestep: new Float32Array(batch).fill(0.5),
  imageShapes: [[1, TOKENS.side, TOKENS.side]],
  batch,
});
tf.dispose([state.image, state.text]);
const normals = (tokens: number, seed: number) =>
  tf.randomNormal<tf.Rank.R3>([batch, tokens, config.width], 0, 1, 'float32', seed);
const before = { image: normals(TOKENS.image, 1), text: normals(TOKENS.text, 2) };
const after = { image: normals(TOKENS.image, 3), text: normals(TOKENS.text, 4) };

const block = await transformer.readBlock(0);
const layout = layoutOf(block.entries());
// Weights of the size of a trained block's, so that nothing overflows while it learns noise.
const weights = flatten(new Map(block.entries()), layout).map((vector) => tf.mul(vector, 0.3) as tf.Tensor1D);
block.dispose();
transformer.dispose();
const optimizer = AdamW.startingAt(weights, layout, DEFAULT_DISTIL);

const PROFILED_STEPS = 9;
let done = 0;
async function step(): Promise<void> {
  const { image, text, gradients } = lossAndGradients(optimizer.vectors.weights, (vectors) => {
    const student = transformer.applyBlock(weightSetOf(unflatten(vectors, layout)), before, context, true);
    return {
      image: streamLoss(student.image, after.image, null, DEFAULT_DISTIL),
      text: streamLoss(student.text, after.text, null, DEFAULT_DISTIL),
    };
  });
  const norm = optimizer.step(gradients, ++done, 1e-4);
  await norm.data();
  tf.dispose([image, norm]);
  text?.dispose();
}

/** Every call's shortest time of several steps, as the steps make the same calls. */
async function printKernels(): Promise<void> {
  const shortest: { name: string; ms: number }[] = [];
  for (let run = 0; run < PROFILED_STEPS; run++) {
    const { kernels: calls } = await tf.profile(async () => {
      await step();
      return tf.scalar(0);
    });
    for (const [i, { name, kernelTimeMs }] of calls.entries()) {
      const ms = Number(await kernelTimeMs);
      shortest[i] = { name, ms: Math.min(ms, shortest[i]?.ms ?? ms) };
    }
  }
  const totals = new Map<string, { calls: number; ms: number }>();
  for (const { name, ms } of shortest) {
    const { calls, ms: before } = totals.get(name) ?? { calls: 0, ms: 0 };
    totals.set(name, { calls: calls + 1, ms: before + ms });
  }
  for (const [name, { calls, ms }] of [...totals].sort(([, x], [, y]) => y.ms - x.ms)) {
    console.error(`${name.padEnd(20)} ${String(calls).padStart(5)} calls ${ms.toFixed(2).padStart(8)} ms`);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const times: number[] = [];
  for (let i = 0; i < Number(line); i++) {
    const startedAt = performance.now();
    await step();
    times.push(performance.now() - startedAt);
  }
  if (kernels) await printKernels();
  console.log(JSON.stringify(times));
}
