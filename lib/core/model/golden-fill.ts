/**
 * Weights and inputs that are a hash of their place, so that any implementation in any language can be compared without
 * sharing a file. Each family has a few cases that are small enough to run on whatever engine a user has, as its self check;
 * their expected outputs are diffusers' (training/goldens.py).
 */
import { checkpointOf } from '../checkpoint/inventory.ts';
import type { Checkpoint, TensorInfo } from '../checkpoint/types.ts';
import type { DType } from '../tensor/dtype.ts';
import { elementsOf, type ModelConfig, type RawConfig } from './architecture.ts';
import { parseModelConfig } from './config.ts';
import { expectedTensors } from './counts.ts';
import type { GoldenSpec } from './family.ts';
import { completeInputs } from './inputs.ts';
import { packedTokens, pictureLayout } from './latents.ts';
import type { TransformerInputs } from './transformer.ts';

const HIDDEN_INDEX = 1000;
const TEXT_INDEX = 1001;
const POOLED_INDEX = 1002;
const WEIGHT_AMPLITUDE = 0.2;
const CENTRED_ON_ONE = new Set(['norm_q', 'norm_k', 'norm_added_q', 'norm_added_k', 'txt_norm']);

/** Element `k` of tensor `tensor`, in [−1, 1). */
export function goldenValue(k: number, tensor: number): number {
  let h = Math.imul(k + 1, 0x9e3779b1) ^ Math.imul(tensor + 1, 0x85ebca77);
  h ^= h >>> 16;
  h = Math.imul(h, 0x7feb352d);
  h ^= h >>> 15;
  h = Math.imul(h, 0x846ca68b);
  h ^= h >>> 16;
  return ((h >>> 0) / 2 ** 32) * 2 - 1;
}

function goldenInput(length: number, tensor: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(length);
  for (let k = 0; k < length; k++) values[k] = goldenValue(k, tensor);
  return values;
}

function goldenWeight(length: number, tensor: number, base: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(length);
  for (let k = 0; k < length; k++) values[k] = base + Math.fround(WEIGHT_AMPLITUDE * goldenValue(k, tensor));
  return values;
}

/** A whole checkpoint in memory; a tensor's index is its place among all names, sorted by code point. */
export function goldenCheckpoint(config: ModelConfig): Checkpoint<DType> {
  const file = 'golden.safetensors';
  const tensors = new Map<string, TensorInfo<DType>>();
  const parts: Float32Array<ArrayBuffer>[] = [];
  let position = 0;
  expectedTensors(config)
    .toSorted((x, y) => (x.name < y.name ? -1 : 1))
    .forEach(({ name, shape, buffer }, index) => {
      const length = elementsOf(shape);
      const base = CENTRED_ON_ONE.has(name.split('.').at(-2) ?? '') ? 1 : 0;
      // A table that the class computes keeps its values.
      parts.push(buffer?.(0, length) ?? goldenWeight(length, index, base));
      tensors.set(name, { name, dtype: 'F32', shape, file, start: position, end: position + 4 * length });
      position += 4 * length;
    });
  return checkpointOf(new Map([[file, new Blob(parts)]]), tensors, new Map());
}

export interface GoldenModel {
  readonly config: ModelConfig;
  readonly checkpoint: Checkpoint<DType>;
}

/** Compare `sampleOf` the output with `expected` to `tolerance`·max(1, |expected|). */
export interface GoldenCase extends GoldenModel {
  readonly name: string;
  readonly inputs: TransformerInputs;
  readonly expected: Float32Array;
  readonly tolerance: number;
}
/** float32 and float64 runs of the reference differ by up to 5e-5. */
const TOLERANCE = 2e-4;

/** Pictures are filled as diffusers takes them, and cut into tokens then. */
function goldenHiddenStates(
  { batch, imageTokens, imageShapes }: Omit<GoldenSpec['inputs'], 'guidance'>,
  config: ModelConfig,
  number: number,
): Float32Array {
  const values = goldenInput(batch * imageTokens * config.inChannels, HIDDEN_INDEX + 2 * number);
  const pictures = pictureLayout(config);
  const [, height = 0, width = 0] = imageShapes?.[0] ?? [];
  if (!pictures) return values;
  const { channels, patchSize } = pictures;
  return packedTokens({ values, shape: [batch, channels, height * patchSize, width * patchSize] }, config);
}

export function goldenModel(raw: RawConfig): GoldenModel {
  const config = parseModelConfig(JSON.stringify(raw), 'golden/config.json');
  return { config, checkpoint: goldenCheckpoint(config) };
}

/** The inputs of a layout, filled; batches of other numbers hold other values. */
export function goldenInputs(
  { guidance, extra: given = {}, ...layout }: GoldenSpec['inputs'],
  config: ModelConfig,
  number = 0,
): TransformerInputs {
  const { batch, textTokens } = layout;
  const inputs = completeInputs(
    {
      ...layout,
      hiddenStates: goldenHiddenStates(layout, config, number),
      encoderHiddenStates: goldenInput(batch * textTokens * config.textDim, TEXT_INDEX + 2 * number),
    },
    config,
    { pooled: (width) => goldenInput(batch * width, POOLED_INDEX + 1000 * number), guidance },
  );
  const extra = Object.fromEntries(
    Object.entries(inputs.extra).map(([name, one]) => [
      name,
      given[name] ? { ...one, values: Float32Array.from(given[name]) } : one,
    ]),
  );
  return { ...inputs, extra };
}

/** `model` may be handed in where several cases share one, so that its weights are made once. */
export function goldenCase(spec: GoldenSpec, model: GoldenModel = goldenModel(spec.config)): GoldenCase {
  return {
    ...model,
    name: spec.name,
    inputs: goldenInputs(spec.inputs, model.config),
    expected: Float32Array.from(spec.expected),
    tolerance: TOLERANCE,
  };
}
