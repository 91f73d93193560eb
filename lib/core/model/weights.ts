/**
 * Weights on the engine: checked against the config before anything runs, checked finite when first read, turned to
 * [in, out], and kept or let go by block so that a model far larger than memory still runs.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Checkpoint } from '../checkpoint/types.ts';
import { ContiguaError } from '../errors.ts';
import { isFloatDType } from '../tensor/float.ts';
import type { ModelConfig } from './config.ts';
import { type ExpectedTensor, expectedTensors } from './cost.ts';
import type { LinearWeights } from './layers.ts';

/** Every expected tensor is there with its shape and a float dtype, and no block is left over. */
export function checkWeights(checkpoint: Checkpoint, config: ModelConfig): void {
  const file = checkpoint.files.map((f) => f.path).join(', ');
  const expected = expectedTensors(config);
  const missing = expected.filter(({ name }) => !checkpoint.tensors.has(name));
  const [first] = missing;
  if (first) {
    throw new ContiguaError('weight-missing', 'A weight is missing', {
      file,
      tensor: first.name,
      found: missing.length > 1 ? `${missing.length} of ${expected.length} tensors missing` : 'no such tensor',
      expected: `[${first.shape.join(', ')}]`,
      hint: 'Config and weights belong to different models, or the checkpoint is incomplete.',
    });
  }
  for (const { name, shape } of expected) {
    const info = checkpoint.tensors.get(name);
    if (!info) continue;
    if (info.shape.join() !== shape.join()) {
      throw new ContiguaError('weight-misshapen', 'A weight has the wrong shape', {
        file: info.file,
        tensor: name,
        found: `[${info.shape.join(', ')}]`,
        expected: `[${shape.join(', ')}] by config.json`,
        hint: 'Config and weights belong to different models.',
      });
    }
    if (!isFloatDType(info.dtype)) {
      throw new ContiguaError('checkpoint-unsupported', 'A weight is stored in a type that is not supported', {
        file: info.file,
        tensor: name,
        found: info.dtype,
        expected: 'BF16, F16, F32, F64 or plain F8_E4M3',
        hint: 'Convert the checkpoint to BF16 first.',
      });
    }
  }
  refuseLeftovers(checkpoint, config, expected);
}

/** Tensors that would change the result if they were honoured; others are ignored, as diffusers ignores them. */
function refuseLeftovers(checkpoint: Checkpoint, config: ModelConfig, expected: readonly ExpectedTensor[]): void {
  const known = new Set(expected.map(({ name }) => name));
  for (const { name, file } of checkpoint.tensors.values()) {
    if (known.has(name)) continue;
    const block = /^transformer_blocks\.(\d+)\./.exec(name)?.[1];
    if (block !== undefined && Number(block) >= config.numBlocks) {
      throw new ContiguaError('weight-misshapen', 'The checkpoint has more blocks than its config.json', {
        file,
        tensor: name,
        found: `block ${block}`,
        expected: `blocks 0 to ${config.numBlocks - 1} (num_layers = ${config.numBlocks})`,
        hint: 'Config and weights belong to different models.',
      });
    }
    if (/(^|\.)(scaled_fp8|scale_weight|weight_scale)$/.test(name)) {
      throw new ContiguaError('checkpoint-unsupported', 'Scaled 8-bit weights are not supported', {
        file,
        tensor: name,
        expected: 'BF16, F16, F32, or F8_E4M3 without scales',
        hint: 'Use the BF16 version of the model.',
      });
    }
  }
}

/** Tensors of one block or of the globals, by name without the block's prefix. Owns them; a set of a gradient's own tensors is left to it. */
export class WeightSet {
  readonly #tensors = new Map<string, tf.Tensor>();

  add(name: string, tensor: tf.Tensor): void {
    this.#tensors.set(name, tensor);
  }
  vector(name: string): tf.Tensor1D {
    return this.#find(`${name}.weight`) as tf.Tensor1D;
  }
  linear(name: string): LinearWeights {
    return {
      weight: this.#find(`${name}.weight`) as tf.Tensor2D,
      bias: this.#find(`${name}.bias`) as tf.Tensor1D,
    };
  }
  /** In the order in which they were added. */
  entries(): IterableIterator<[string, tf.Tensor]> {
    return this.#tensors.entries();
  }
  /** The same values under handles of their own, which outlive this set's. */
  clone(): WeightSet {
    const copy = new WeightSet();
    for (const [name, tensor] of this.#tensors) copy.add(name, tf.clone(tensor));
    return copy;
  }
  dispose(): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#tensors.clear();
  }
  #find(name: string): tf.Tensor {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new RangeError(`No weight ${name} in this set`);
    return tensor;
  }
}

/**
 * Blocks of a model. As many of the first ones as fit in `residentBytes` stay on the engine once read; the others are
 * read when needed and let go for the next one. The globals always stay.
 */
export class WeightStore {
  readonly #expected: readonly ExpectedTensor[];
  readonly #resident = new Map<number | null, WeightSet>();
  readonly #residentBlocks: number;
  readonly #checkedFinite = new Set<string>();
  #passing: { readonly block: number; readonly weights: WeightSet } | null = null;

  constructor(
    readonly checkpoint: Checkpoint,
    config: ModelConfig,
    residentBytes: number,
  ) {
    this.#expected = expectedTensors(config);
    const blockBytes = this.#expected
      .filter(({ block }) => block === 0)
      .reduce((sum, { shape }) => sum + 4 * shape.reduce((product, n) => product * n, 1), 0);
    this.#residentBlocks = Math.min(config.numBlocks, Math.floor(residentBytes / blockBytes));
  }

  globals(): Promise<WeightSet> {
    return this.#keep(null);
  }

  async block(index: number): Promise<WeightSet> {
    if (index < this.#residentBlocks) return this.#keep(index);
    if (this.#passing?.block === index) return this.#passing.weights;
    // Let go first: two large blocks at once may not fit.
    this.#passing?.weights.dispose();
    this.#passing = null;
    const weights = await this.#read(index);
    this.#passing = { block: index, weights };
    return weights;
  }

  dispose(): void {
    for (const weights of this.#resident.values()) weights.dispose();
    this.#resident.clear();
    this.#passing?.weights.dispose();
    this.#passing = null;
  }

  async #keep(block: number | null): Promise<WeightSet> {
    const kept = this.#resident.get(block);
    if (kept) return kept;
    const weights = await this.#read(block);
    this.#resident.set(block, weights);
    return weights;
  }

  async #read(block: number | null): Promise<WeightSet> {
    const names = this.#expected.filter((tensor) => tensor.block === block).map(({ name }) => name);
    if (names.length === 0) throw new RangeError(`No block ${block}`);
    const prefix = block === null ? '' : `transformer_blocks.${block}.`;
    const weights = new WeightSet();
    try {
      for await (const { info, values } of this.checkpoint.readEach(names)) {
        if (!this.#checkedFinite.has(info.name)) {
          checkFinite(values, info.file, info.name);
          this.#checkedFinite.add(info.name);
        }
        weights.add(info.name.slice(prefix.length), toEngine(values, info.shape));
      }
    } catch (thrown) {
      weights.dispose();
      throw thrown;
    }
    return weights;
  }
}

/** A tensor of a checkpoint, [out, in] or a vector, as the engine holds it: [in, out]. */
export function toEngine(values: Float32Array, shape: readonly number[]): tf.Tensor {
  return tf.tidy(() => {
    const stored = tf.tensor(values, [...shape], 'float32');
    return shape.length === 2 ? tf.transpose(stored) : stored;
  });
}

/** Throws `weight-not-finite`. */
export function checkFinite(values: Float32Array, file: string, tensor: string): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) {
      throw new ContiguaError('weight-not-finite', 'A weight is not a finite number', {
        file,
        tensor,
        found: `${value} at element ${i}`,
        expected: 'finite numbers',
        hint: 'The checkpoint is damaged or its training diverged.',
      });
    }
  }
}
