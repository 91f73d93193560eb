/**
 * Kernel inner products from d × d feature Grams, for more rows than features: ⟨K_X, K_Y⟩ = ‖XᵀY‖². A surrogate is S = X·A
 * with the product A of its probes' I + W, so SᵀY = Aᵀ(XᵀY): once the teacher's Grams are there, a comparison costs d³, not
 * n·d². Only the row norms of S, which the debiased estimator needs, take one n·d² product per probe.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { AffineMap } from '../model/route.ts';
import type { CentredStates } from './centred-states.ts';
import type { KernelSums } from './cka.ts';
import { residualMatrix, type StateKernels, type Surrogate } from './kernels.ts';

/** Grams kept on the engine between the stages; beyond it they are computed again. */
const KEPT_GRAM_BYTES = 256 * 2 ** 20;

export function featureKernels(states: CentredStates, keptGramBytes: number = KEPT_GRAM_BYTES): StateKernels {
  const grams = new GramTable(states, keptGramBytes);
  return {
    compare: async (a) => {
      const inner: number[] = [];
      const left = states.transposed(a);
      for (let b = a; b < states.count; b++) {
        const gram = grams.make(a, b, left);
        const [square] = await squaredNorms([gram.tensor]);
        inner.push(square!);
        gram.release();
      }
      left.dispose();
      return { sums: { diagonal: states.diagonal(a), trace: states.traces[a]!, self: inner[0]! }, inner };
    },
    surrogateFrom: (start) => new FeatureSurrogate(states, grams, start),
    dispose: () => grams.dispose(),
  };
}

class FeatureSurrogate implements Surrogate {
  /** S [n, d] */
  #rows: tf.Tensor2D;
  /** Aᵀ [d, d]; null while no probe was applied. */
  #product: tf.Tensor2D | null = null;

  constructor(
    readonly states: CentredStates,
    readonly grams: GramTable,
    readonly start: number,
  ) {
    this.#rows = states.tensor(start);
  }

  apply(probe: AffineMap): void {
    const d = this.states.width;
    const { matrix, transposed } = residualMatrix(probe);
    const [rows, product] = [this.#rows, this.#product];
    this.#rows = tf.tidy(() => tf.matMul(rows, tf.tensor2d(matrix, [d, d])));
    this.#product = tf.tidy(() => {
      const step = tf.tensor2d(transposed, [d, d]);
      return product ? tf.matMul(step, product) : step;
    });
    rows.dispose();
    product?.dispose();
  }

  async compare(states: readonly number[]): Promise<{ sums: KernelSums; inner: number[] }> {
    const own = this.grams.get(this.start, this.start);
    const others = states.map((state) => this.grams.get(this.start, state));
    const product = this.#product;
    const crosses = others.map(({ tensor }): tf.Tensor2D => (product ? tf.matMul(product, tensor) : tensor));
    const self: tf.Tensor2D = product
      ? tf.tidy(() => tf.matMul(tf.matMul(product, own.tensor), tf.transpose(product)))
      : own.tensor;
    const norms = tf.tidy(() => tf.sum(tf.square(this.#rows), 1));
    const [selfSquare, ...inner] = await squaredNorms([self, ...crosses]);
    const diagonal = Float64Array.from(await norms.data());
    norms.dispose();
    if (product) tf.dispose([self, ...crosses]);
    for (const gram of [own, ...others]) gram.release();
    return { sums: { diagonal, trace: diagonal.reduce((a, b) => a + b, 0), self: selfSquare! }, inner };
  }

  dispose(): void {
    this.#rows.dispose();
    this.#product?.dispose();
  }
}

interface BorrowedGram {
  readonly tensor: tf.Tensor2D;
  /** To be called once when done; the table may keep the tensor. */
  release(): void;
}

/** XᵢᵀXⱼ [d, d] of every pair, each computed once while the bytes last. */
class GramTable {
  readonly #kept = new Map<string, tf.Tensor2D>();
  #bytesLeft: number;

  constructor(
    readonly states: CentredStates,
    keptBytes: number,
  ) {
    this.#bytesLeft = keptBytes;
  }

  get(i: number, j: number): BorrowedGram {
    const kept = this.#kept.get(`${i} ${j}`);
    if (kept) return { tensor: kept, release: () => {} };
    const left = this.states.transposed(i);
    const gram = this.make(i, j, left);
    left.dispose();
    return gram;
  }

  /** `left` is Xᵢᵀ. */
  make(i: number, j: number, left: tf.Tensor2D): BorrowedGram {
    const right = this.states.tensor(j);
    const tensor: tf.Tensor2D = tf.matMul(left, right);
    right.dispose();
    const bytes = 4 * tensor.size;
    if (bytes > this.#bytesLeft || this.#kept.has(`${i} ${j}`)) return { tensor, release: () => tensor.dispose() };
    this.#bytesLeft -= bytes;
    this.#kept.set(`${i} ${j}`, tensor);
    return { tensor, release: () => {} };
  }

  dispose(): void {
    for (const gram of this.#kept.values()) gram.dispose();
    this.#kept.clear();
  }
}

/** Squared Frobenius norms in float64; the tensors stay the caller's. */
async function squaredNorms(tensors: readonly tf.Tensor2D[]): Promise<number[]> {
  const values = await Promise.all(tensors.map((tensor) => tensor.data()));
  return values.map((matrix) => {
    let sum = 0;
    for (let i = 0; i < matrix.length; i++) sum += matrix[i]! * matrix[i]!;
    return sum;
  });
}
