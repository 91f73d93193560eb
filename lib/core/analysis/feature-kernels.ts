/**
 * Kernel inner products from d × d feature Grams, for more rows than features: ⟨K_X, K_Y⟩ = ‖XᵀY‖². A surrogate is S = X·A
 * with the product A of its probes' I + W, so SᵀY = Aᵀ(XᵀY): once the teacher's Grams are there, a comparison costs d³, not
 * n·d². Only the row norms of S, which the debiased estimator needs, take one n·d² product per probe.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { CentredStates } from './centred-states.ts';
import type { KernelSums } from './cka.ts';
import { denseStep, type ProbeStep, type StateKernels, type Surrogate } from './kernels.ts';

/** Grams and transposed states kept on the engine; beyond it they are computed again. */
export const KEPT_BYTES = 256 * 2 ** 20;
/** Transposed states that are multiplied at once; one state may be larger. */
export const STACK_BYTES = 32 * 2 ** 20;

export function featureKernels(
  states: CentredStates,
  keptBytes: number = KEPT_BYTES,
  stackBytes: number = STACK_BYTES,
): StateKernels {
  const grams = new GramTable(states, keptBytes, stackBytes);
  return {
    compare: async (a) => {
      const right = states.tensor(a);
      const inner = await grams.squaredNorms(a, right).finally(() => right.dispose());
      return { sums: { diagonal: states.diagonal(a), trace: states.traces[a]!, self: inner[0]! }, inner };
    },
    surrogateFrom: (start) => new FeatureSurrogate(states, grams, start),
    stepOf: denseStep,
    dispose: () => grams.dispose(),
  };
}

class FeatureSurrogate implements Surrogate {
  /** X [n, d] */
  readonly #startRows: tf.Tensor2D;
  /** S = X·A [n, d] */
  #rows: tf.Tensor2D;
  /** A [d, d]; null while no probe was applied. */
  #product: tf.Tensor2D | null = null;

  constructor(
    states: CentredStates,
    readonly grams: GramTable,
    readonly start: number,
  ) {
    this.#startRows = states.tensor(start);
    this.#rows = this.#startRows.clone();
  }

  apply(step: ProbeStep): void {
    const [rows, product] = [this.#rows, this.#product ?? tf.eye(this.grams.states.width)];
    this.#rows = step.advance(rows);
    this.#product = step.advance(product);
    tf.dispose([rows, product]);
  }

  async compare(states: readonly number[]): Promise<{ sums: KernelSums; inner: number[] }> {
    // The start is among the states that it is compared with, and the first block's state is two of them.
    const distinct = [...new Set([this.start, ...states])];
    const crosses = distinct.map((state) => this.#cross(state));
    const self = this.#selfGram(crosses[0]!);
    const norms = tf.tidy(() => tf.sum(tf.square(this.#rows), 1));
    const [rowNorms, selfSquare, ...squares] = await Promise.all([
      norms.data(),
      squaredNorm(self),
      ...crosses.map(squaredNorm),
    ]);
    const diagonal = new Float64Array(rowNorms);
    tf.dispose([...crosses, self, norms]);
    const sums = {
      diagonal,
      trace: diagonal.reduce((a, b) => a + b, 0),
      self: selfSquare,
    };
    return { sums, inner: states.map((state) => squares[distinct.indexOf(state)]!) };
  }

  /** YᵀS = (YᵀX)·A [d, d] for the state Y, owned by the caller. */
  #cross(state: number): tf.Tensor2D {
    const gram = this.grams.get(state, this.start, this.#startRows);
    const cross: tf.Tensor2D = this.#product ? tf.matMul(gram.tensor, this.#product) : gram.tensor.clone();
    gram.release();
    return cross;
  }

  /** SᵀS = Aᵀ·(XᵀS) [d, d] from XᵀS, owned by the caller. */
  #selfGram(cross: tf.Tensor2D): tf.Tensor2D {
    const product = this.#product;
    return product ? tf.tidy(() => tf.matMul(tf.transpose(product), cross)) : cross.clone();
  }

  dispose(): void {
    this.#startRows.dispose();
    this.#rows.dispose();
    this.#product?.dispose();
  }
}

interface Borrowed {
  readonly tensor: tf.Tensor2D;
  /** To be called once when done; the table may keep the tensor. */
  release(): void;
}

/**
 * XᵢᵀXⱼ [d, d] of every pair, and the Xᵢᵀ they are made from, each computed once while the bytes last; whoever asks holds
 * the right factor.
 */
class GramTable {
  readonly #kept = new Map<string, tf.Tensor2D>();
  /** States of one stack. */
  readonly #step: number;
  #bytesLeft: number;

  constructor(
    readonly states: CentredStates,
    keptBytes: number,
    stackBytes: number,
  ) {
    this.#bytesLeft = keptBytes;
    this.#step = Math.max(1, Math.floor(stackBytes / (4 * states.width * states.rows)));
  }

  /** `right` is Xⱼ. */
  get(i: number, j: number, right: tf.Tensor2D): Borrowed {
    return this.#keep(`gram ${i} ${j}`, () => {
      const place = i % this.#step;
      const stack = this.#kept.get(`transposed ${i - place}`);
      const { width: d, rows } = this.states;
      const left = stack ? tf.slice(stack, [place * d, 0], [d, rows]) : this.states.transposed(i);
      const gram: tf.Tensor2D = tf.matMul(left, right);
      left.dispose();
      return gram;
    });
  }

  /**
   * ‖XᵢᵀXⱼ‖² of every i ≥ j, from products of many Xᵢᵀ with Xⱼ at once: wasm packs the right factor for each product, which
   * takes half as long as the product of one pair. `right` is Xⱼ.
   */
  async squaredNorms(j: number, right: tf.Tensor2D): Promise<number[]> {
    const { count, width: d } = this.states;
    const step = this.#step;
    const norms: number[] = [];
    for (let first = j - (j % step); first < count; first += step) {
      const size = Math.min(step, count - first);
      const from = Math.max(first, j);
      const stack = this.#keep(`transposed ${first}`, () => this.states.transposed(first, size));
      const grams: tf.Tensor2D = tf.tidy(() =>
        tf.matMul(from === first ? stack.tensor : tf.slice(stack.tensor, [(from - first) * d, 0]), right),
      );
      stack.release();
      const values = await grams.data<'float32'>();
      for (let i = from; i < first + size; i++) {
        const at = (i - from) * d;
        norms.push(sumOfSquares(values.subarray(at * d, (at + d) * d)));
        this.#keep(`gram ${i} ${j}`, () => tf.slice(grams, [at, 0], [d, d])).release();
      }
      grams.dispose();
    }
    return norms;
  }

  #keep(key: string, make: () => tf.Tensor2D): Borrowed {
    const kept = this.#kept.get(key);
    if (kept) return { tensor: kept, release: () => {} };
    const tensor = make();
    const bytes = 4 * tensor.size;
    if (bytes > this.#bytesLeft) return { tensor, release: () => tensor.dispose() };
    this.#bytesLeft -= bytes;
    this.#kept.set(key, tensor);
    return { tensor, release: () => {} };
  }

  dispose(): void {
    for (const tensor of this.#kept.values()) tensor.dispose();
    this.#kept.clear();
  }
}

/** Squared Frobenius norm in float64; the tensor stays the caller's. */
async function squaredNorm(tensor: tf.Tensor2D): Promise<number> {
  return sumOfSquares(await tensor.data<'float32'>());
}

function sumOfSquares(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!;
  return sum;
}
