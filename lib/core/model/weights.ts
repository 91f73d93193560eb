/**
 * Weights on the engine: checked finite when they are first read, turned to [in, out] where the engine needs it, and kept or
 * dropped by block, so that a model far larger than memory still runs. check-weights.ts has compared names and shapes with the
 * config before.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Checkpoint, ReadTensor } from '../checkpoint/types.ts';
import { ContiguaError } from '../errors.ts';
import {
  areFinite,
  takesStoredMatrices,
  valuesTensor,
  type WeightOptions,
  weightTensor,
} from '../tensor/weight-tensors.ts';
import type { Architecture, BlockSpec } from './architecture.ts';
import { residentBlocks } from './resident.ts';

export interface LinearWeights {
  /** [in, out], or [out, in] where it is `asStored`. */
  readonly weight: tf.Tensor2D;
  /** [out]; null where the layer has none. */
  readonly bias: tf.Tensor1D | null;
  /** As in the checkpoint, on engines that multiply with it so; never in sets that are trained, converted or written. */
  readonly asStored?: boolean;
}

/** Tensors of one block or of the globals, by name without the block's prefix. Owns them; a set of a gradient's own tensors is left to it. */
export class WeightSet {
  readonly #tensors = new Map<string, tf.Tensor>();
  readonly #asStored = new Set<string>();

  /** `asStored`: a matrix [out, in]. */
  add(name: string, tensor: tf.Tensor, asStored = false): void {
    this.#tensors.set(name, tensor);
    if (asStored) this.#asStored.add(name);
  }
  vector(name: string): tf.Tensor1D {
    return this.#find(`${name}.weight`) as tf.Tensor1D;
  }
  /** Whether a layer has a bias is the model's; check-weights.ts has seen that none is missing. */
  linear(name: string): LinearWeights {
    return {
      weight: this.#find(`${name}.weight`) as tf.Tensor2D,
      bias: (this.#tensors.get(`${name}.bias`) ?? null) as tf.Tensor1D | null,
      asStored: this.#asStored.has(`${name}.weight`),
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
    for (const [name, tensor] of this.#tensors) copy.add(name, tf.clone(tensor), this.#asStored.has(name));
    return copy;
  }
  /** This set's tensors and those of `other`, which take the place of this set's of the same name. Both sets still own them. */
  with(other: WeightSet): WeightSet {
    const both = new WeightSet();
    for (const set of [this, other]) {
      for (const [name, tensor] of set.#tensors) {
        both.#asStored.delete(name);
        both.add(name, tensor, set.#asStored.has(name));
      }
    }
    return both;
  }
  /** The same values with every matrix [in, out], under handles of their own. */
  turned(): WeightSet {
    const copy = new WeightSet();
    for (const [name, tensor] of this.#tensors) {
      copy.add(name, this.#asStored.has(name) ? tf.transpose(tensor) : tf.clone(tensor));
    }
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
  /** The reading of a block that is needed next. */
  #ahead: { readonly block: number; readonly tensors: Tensors; readonly first: ReturnType<Tensors['next']> } | null =
    null;

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
    this.#dropPassing();
    const weights = await this.#read(index);
    this.#passing = { block: index, weights };
    return weights;
  }

  /**
   * Begins to read a block that does not stay, while another one is in use: up to `aheadBytes` of it, as it is stored. A
   * failure is told when the block is asked for.
   */
  prefetch(index: number, aheadBytes: number): void {
    const isKept = index < this.residentBlocks || index === this.#passing?.block || index === this.#ahead?.block;
    if (isKept || index >= this.#architecture.blocks.length) return;
    this.#forgetAhead();
    const tensors = this.checkpoint.readEach(this.#namesOf(index), aheadBytes);
    const first = tensors.next();
    first.catch(() => undefined); // awaited by whoever needs the block
    this.#ahead = { block: index, tensors, first };
  }

  /** Lets go of what does not stay. */
  release(): void {
    this.#dropPassing();
    this.#forgetAhead();
  }

  dispose(): void {
    for (const weights of this.#resident.values()) weights.dispose();
    this.#resident.clear();
    this.release();
  }

  #dropPassing(): void {
    this.#passing?.weights.dispose();
    this.#passing = null;
  }

  #forgetAhead(): void {
    const ahead = this.#ahead;
    this.#ahead = null;
    // It ends once its first read is done, which nobody waits for.
    ahead?.tensors.return(undefined).catch(() => undefined);
  }

  async #keep(block: number | null): Promise<WeightSet> {
    const kept = this.#resident.get(block);
    if (kept) return kept;
    const weights = await this.#read(block);
    this.#resident.set(block, weights);
    return weights;
  }

  async #read(block: number | null): Promise<WeightSet> {
    const prefix = this.#specOf(block).prefix;
    const weights = new WeightSet();
    try {
      for await (const read of this.#tensorsOf(block)) {
        const { name } = read.info;
        // The globals are small, and families take them for other things than products.
        const asStored = block !== null && read.info.shape.length === 2 && takesStoredMatrices();
        const tensor = weightOf(read, { checks: !this.#checkedFinite.has(name), asStored });
        weights.add(name.slice(prefix.length), tensor, asStored);
        this.#checkedFinite.add(name);
      }
    } catch (thrown) {
      weights.dispose();
      throw thrown;
    }
    return weights;
  }

  /** What was begun ahead, and the rest of it. */
  async *#tensorsOf(block: number | null): AsyncGenerator<ReadTensor> {
    const ahead = this.#ahead?.block === block ? this.#ahead : null;
    if (!ahead) return yield* this.checkpoint.readEach(this.#namesOf(block));
    this.#ahead = null;
    const first = await ahead.first;
    if (first.done) return;
    yield first.value;
    yield* ahead.tensors;
  }

  #namesOf(block: number | null): string[] {
    const { prefix, tensors } = this.#specOf(block);
    return tensors.filter(({ buffer }) => !buffer).map(({ name }) => `${prefix}${name}`);
  }

  #specOf(block: number | null): Pick<BlockSpec, 'prefix' | 'tensors'> {
    const { blocks, globals } = this.#architecture;
    const spec = block === null ? { prefix: '', tensors: globals } : blocks[block];
    if (!spec) throw new RangeError(`No block ${block}`);
    return spec;
  }
}

type Tensors = ReturnType<Checkpoint['readEach']>;

/** On the engine. The numbers of one read for the first time are checked. */
export function weightOf(read: ReadTensor, { checks, asStored = false }: WeightOptions): tf.Tensor {
  const { info, stored } = read;
  if (!stored) {
    const { values } = read;
    if (checks) checkFinite(values, info.file, info.name);
    return valuesTensor(values, info.shape, asStored);
  }
  const { tensor, finite } = weightTensor(stored, info.shape, { checks, asStored });
  try {
    if (checks && !finite) checkFinite(read.values, info.file, info.name);
    return tensor;
  } catch (thrown) {
    tensor.dispose();
    throw thrown;
  }
}

/** A tensor of a checkpoint, [out, in] or a vector, as the engine holds it: [in, out]. */
export function toEngine(values: Float32Array, shape: readonly number[]): tf.Tensor {
  return valuesTensor(values, shape);
}

/** Throws `weight-not-finite`. */
export function checkFinite(values: Float32Array, file: string, tensor: string): void {
  if (areFinite(values)) return;
  const element = values.findIndex((value) => !Number.isFinite(value));
  throw new ContiguaError('weight-not-finite', 'A weight is not a finite number', {
    file,
    tensor,
    found: `${values[element]} at element ${element}`,
    expected: 'finite numbers',
    hint: 'The checkpoint is damaged or its training diverged.',
  });
}
