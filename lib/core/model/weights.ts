/**
 * Weights on the engine: checked finite when they are first read, turned to [in, out], and kept or dropped by block, so that a
 * model far larger than memory still runs. check-weights.ts has compared names and shapes with the config before.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Checkpoint } from '../checkpoint/types.ts';
import { ContiguaError } from '../errors.ts';
import type { Architecture } from './architecture.ts';
import { residentBlocks } from './resident.ts';

export interface LinearWeights {
  /** [in, out]: transposed against the checkpoint, as products are fastest untransposed. */
  readonly weight: tf.Tensor2D;
  /** [out]; null where the layer has none. */
  readonly bias: tf.Tensor1D | null;
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
  /** Whether a layer has a bias is the model's; check-weights.ts has seen that none is missing. */
  linear(name: string): LinearWeights {
    return {
      weight: this.#find(`${name}.weight`) as tf.Tensor2D,
      bias: (this.#tensors.get(`${name}.bias`) ?? null) as tf.Tensor1D | null,
    };
  }
  /** Full name, `attn.norm_q.weight`. */
  has(name: string): boolean {
    return this.#tensors.has(name);
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
  readonly #architecture: Architecture;
  readonly #resident = new Map<number | null, WeightSet>();
  readonly residentBlocks: number;
  readonly #checkedFinite = new Set<string>();
  #passing: { readonly block: number; readonly weights: WeightSet } | null = null;

  constructor(
    readonly checkpoint: Checkpoint,
    architecture: Architecture,
    residentBytes: number,
  ) {
    this.#architecture = architecture;
    this.residentBlocks = residentBlocks(architecture.blocks, residentBytes);
  }

  globals(): Promise<WeightSet> {
    return this.#keep(null);
  }

  async block(index: number): Promise<WeightSet> {
    if (index < this.residentBlocks) return this.#keep(index);
    if (this.#passing?.block === index) return this.#passing.weights;
    // Let go first: two large blocks at once may not fit.
    this.release();
    const weights = await this.#read(index);
    this.#passing = { block: index, weights };
    return weights;
  }

  dispose(): void {
    for (const weights of this.#resident.values()) weights.dispose();
    this.#resident.clear();
    this.release();
  }

  /** Lets go of the block that passes through. */
  release(): void {
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
    const { blocks, globals } = this.#architecture;
    const spec = block === null ? { prefix: '', tensors: globals } : blocks[block];
    if (!spec) throw new RangeError(`No block ${block}`);
    const { prefix, tensors } = spec;
    const names = tensors.filter(({ buffer }) => !buffer).map(({ name }) => `${prefix}${name}`);
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
