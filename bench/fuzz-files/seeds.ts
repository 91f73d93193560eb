/**
 * The well-formed files that mutation starts from: one small model that draws (whole, and in two shards), and every file
 * that this product reads beside it. All of one seed, a few kB each, so that thousands are read in a minute.
 */
import {
  fingerprintOf,
  openFile,
  safetensorsLayout,
  type TensorToWrite,
  writeSafetensors,
} from '../../lib/core/checkpoint/index.ts';
import { DEFAULT_DETECTION } from '../../lib/core/detection/index.ts';
import { runEdit } from '../../lib/core/edit/index.ts';
import { TRAINED_METADATA } from '../../lib/core/export/index.ts';
import {
  architectureOf,
  countParameters,
  expectedTensors,
  familyNamed,
  parseModelConfig,
} from '../../lib/core/model/config-index.ts';
import { buildPlan, formatPlan } from '../../lib/core/plan/index.ts';
import { seededRandom } from '../../lib/core/random.ts';
import type { AnalysisReport, Matrix } from '../../lib/core/report/index.ts';
import { damageOf, EXAMPLE_SPLIT, streamWith } from '../../lib/core/report/report-fixtures.ts';
import { VOCABULARY } from '../../lib/core/shapes/vocabulary.ts';
import { fromFloat32 } from '../../lib/core/tensor/float.ts';
import { bytesOf as fixtureOf } from '../../lib/testing/v1/read-fixture.ts';

export type Bytes = Uint8Array<ArrayBuffer>;

const BLOCKS = 3;
const RAW = {
  _class_name: 'QwenImageTransformer2DModel',
  attention_head_dim: 8,
  axes_dims_rope: [4, 2, 2],
  in_channels: 48,
  joint_attention_dim: 8,
  num_attention_heads: 1,
  num_layers: BLOCKS,
  out_channels: 3,
  patch_size: 4,
};
export const config = parseModelConfig(JSON.stringify(RAW), 'config.json');
export const interval = { first: 0, last: 1 };

const random = seededRandom(5);
const tensor = (name: string, shape: readonly number[], value = () => random.normal()): TensorToWrite => {
  const values = Float32Array.from({ length: shape.reduce((x, y) => x * y, 1) }, value);
  return { name, shape, dtype: 'F32', bytes: fromFloat32(values, 'F32') };
};
const bytesOf = (value: unknown): Bytes => new TextEncoder().encode(JSON.stringify(value, null, 1));

const expected = expectedTensors(config);
const weights = expected.map(({ name, shape }) => tensor(name, shape));
const WEIGHTS = 'transformer/diffusion_pytorch_model.safetensors';
const shardName = (shard: number) => `diffusion_pytorch_model-0000${shard}-of-00002.safetensors`;
const half = Math.floor(weights.length / 2);
const [firstShard, secondShard] = [weights.slice(0, half), weights.slice(half)];

const aside: Readonly<Record<string, Bytes>> = {
  'transformer/config.json': bytesOf(RAW),
  'scheduler/scheduler_config.json': bytesOf({ _class_name: 'FlowMatchEulerDiscreteScheduler', shift: 3 }),
  'text_encoder/vocab.json': bytesOf(VOCABULARY),
  'text_encoder/embeddings.safetensors': writeSafetensors([tensor('weight', [VOCABULARY.length, 8])]),
  'README.md': new TextEncoder().encode('---\nlicense: mit\n---\n# Tiny\n'),
};
/** A model in one file, by path below its root. */
export const model: Readonly<Record<string, Bytes>> = { ...aside, [WEIGHTS]: writeSafetensors(weights) };
/** The same model in two shards. */
export const sharded: Readonly<Record<string, Bytes>> = {
  ...aside,
  [`${WEIGHTS}.index.json`]: bytesOf({
    metadata: { total_size: 1 },
    weight_map: Object.fromEntries([
      ...firstShard.map(({ name }) => [name, shardName(1)]),
      ...secondShard.map(({ name }) => [name, shardName(2)]),
    ]),
  }),
  [`transformer/${shardName(1)}`]: writeSafetensors(firstShard),
  [`transformer/${shardName(2)}`]: writeSafetensors(secondShard),
};

const opened = await openFile({ path: WEIGHTS, blob: new Blob([model[WEIGHTS]!]) });
export const fingerprint = await fingerprintOf(familyNamed(config.family).identity, config.raw, opened);
const counts = countParameters(config);
export const planned = buildPlan({
  model: {
    name: 'tiny',
    fingerprint,
    className: config.className,
    family: config.family,
    numBlocks: BLOCKS,
    width: config.width,
    ...architectureOf(config),
    globalParameters: counts.globals,
  },
  report: null,
  edits: [runEdit(interval, 'nothing')],
  detection: DEFAULT_DETECTION,
});
export const plan: Bytes = new TextEncoder().encode(formatPlan(planned));
export const planV1: Bytes = new Uint8Array(fixtureOf('plans/detected.json'));
export const reportV1: Bytes = new Uint8Array(fixtureOf('reports/text-unread.json'));

const square: Matrix = Array.from({ length: BLOCKS }, (_, u) =>
  Array.from({ length: BLOCKS }, (_, k) => (k < u ? null : 1 - 0.125 * (k - u))),
);
const stream = streamWith(square, [0.5, 0.25, null], [0.5, 0.75, null]);
const tokens = { image: 64, text: 13 };
export const report: Bytes = bytesOf({
  version: 3,
  model: {
    name: 'tiny',
    fingerprint,
    className: config.className,
    family: 'qwen-image',
    numBlocks: BLOCKS,
    width: 8,
    streams: planned.model.streams,
    stacks: planned.model.stacks,
    blocks: architectureOf(config).blocks.map(({ kind, stack, updates }) => ({ kind, stack, updates })),
  },
  calibration: {
    kind: 'synthetic',
    label: 'SYNTHETIC inputs, seed 7',
    seed: 7,
    file: null,
    samples: 1,
    timesteps: [0.5],
    tokens,
    fitTokens: tokens,
    heldOutTokens: tokens,
  },
  settings: { ridge: 1e-6, damageSamples: 1 },
  split: EXAMPLE_SPLIT,
  bands: [],
  confidence: null,
  streams: { image: stream, text: stream },
  damage: [damageOf(runEdit({ first: 0, last: 1 }, 'probes'), 0.05)],
  directionErrors: square,
  proxies: null,
  parts: [],
  blockMs: [1, 2, 3],
  engine: { name: 'wasm', device: '1 thread, SIMD' },
  stagesMs: { capture: 12 },
} satisfies AnalysisReport);

const SAMPLES = 4;
export const calibration: Bytes = writeSafetensors(
  [
    tensor('hidden_states', [SAMPLES, 6, config.inChannels]),
    tensor('encoder_hidden_states', [SAMPLES, 4, config.textDim]),
    tensor('encoder_hidden_states_mask', [SAMPLES, 4], () => 1),
    tensor('timestep', [SAMPLES], () => random.uniform()),
  ],
  { img_shapes: '[[1, 2, 3]]' },
);

/** Tensors of one block, names without its prefix. */
export const block = expected
  .filter((one) => one.block === 0)
  .map(({ name, shape }) => ({ name: name.replace('transformer_blocks.0.', ''), shape }));
const trained = { [TRAINED_METADATA.teacher]: fingerprint, [TRAINED_METADATA.family]: config.family };
export const student: Bytes = writeSafetensors(
  block.map(({ name, shape }) => tensor(name, shape)),
  { ...trained, [TRAINED_METADATA.kind]: 'student', [TRAINED_METADATA.interval]: '0-1' },
);
/** Tensors of the model with the student in the interval's place. */
export const fineTunedModel = expectedTensors({ ...config, numBlocks: BLOCKS - 1 });
export const fineTuned: Bytes = writeSafetensors(
  fineTunedModel.slice(0, 4).map(({ name, shape }) => tensor(name, shape)),
  { ...trained, [TRAINED_METADATA.kind]: 'fine-tuned', [TRAINED_METADATA.plugged]: '0-1' },
);

/** Head and size of a calibration of any size, valid but for its values, which are zeros. */
export function largeCalibration(samples: number, imageTokens: number): { head: Bytes; size: number } {
  const { header, tensors } = safetensorsLayout(
    [
      { name: 'hidden_states', dtype: 'F32', shape: [samples, imageTokens, config.inChannels] },
      { name: 'encoder_hidden_states', dtype: 'F32', shape: [samples, 4, config.textDim] },
      { name: 'timestep', dtype: 'F32', shape: [samples] },
    ],
    { img_shapes: `[[1, 1, ${imageTokens}]]` },
  );
  const values = tensors.reduce((sum, { shape }) => sum + shape.reduce((x, y) => x * y, 1), 0);
  return { head: header, size: header.length + 4 * values };
}
