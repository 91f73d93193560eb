/**
 * CKA of one stream: between the teacher's states after every pair of blocks, and between surrogate and teacher along the
 * way from every start (PPCL, stage 1.2). All four readings of the method come out of one sweep: the surrogate that starts
 * from the state after block s and applies the probes of s+1 … k is `block-u` for u = s and `probe-u` for u = s+1.
 */
import type { AffineMap } from '../model/route.ts';
import type { Matrix, PerEstimator, PerReading } from '../report/report.ts';
import { CentredStates } from './centred-states.ts';
import { type CkaValues, ckaOf, type KernelSums, NO_CKA } from './cka.ts';
import { featureKernels } from './feature-kernels.ts';
import type { ProbeStep, StateKernels } from './kernels.ts';
import { Pace } from './pace.ts';
import { sampleKernels } from './sample-kernels.ts';
import { emptyMatrix, perEstimator, putValues, Trajectories } from './similarity-matrices.ts';

/** Of probes that stay on the engine. */
export const KEPT_STEP_BYTES = 64 * 2 ** 20;

export type KernelForm = 'features' | 'samples';

/** One stream's states and their kernels; `dispose` frees what the engine keeps between the stages. */
export class StreamSimilarity {
  readonly #states: CentredStates;
  readonly #kernels: StateKernels;
  readonly #updated: readonly boolean[];
  #sums: KernelSums[] = [];

  /**
   * `states`: [rows, width] each, the embedded input first, then after each block. `updated` says which blocks update the
   * stream (all by default): a block that does not has no value anywhere. `form` is the cheaper one by default; both give
   * the same values.
   */
  constructor(
    states: readonly Float32Array[],
    rows: number,
    width: number,
    { form, updated }: { readonly form?: KernelForm | undefined; readonly updated?: readonly boolean[] } = {},
  ) {
    this.#updated = updated ?? states.slice(1).map(() => true);
    this.#states = new CentredStates(states, rows, width);
    const cheaper: KernelForm = width < rows ? 'features' : 'samples';
    this.#kernels = (form ?? cheaper) === 'features' ? featureKernels(this.#states) : sampleKernels(this.#states);
  }

  get numBlocks(): number {
    return this.#states.count - 1;
  }

  /** CKA between the states after blocks i and j, [M][M]. `onRow` is called once per state, the embedded input included. */
  async compareStates(pace: Pace, onRow: () => void = () => {}): Promise<PerEstimator<Matrix>> {
    const inner: number[][] = [];
    this.#sums = [];
    for (let a = 0; a < this.#states.count; a++) {
      const row = await this.#kernels.compare(a);
      this.#sums.push(row.sums);
      inner.push(row.inner);
      onRow();
      await pace.breathe();
    }
    const matrices = perEstimator(() => emptyMatrix(this.numBlocks));
    for (let i = 0; i < this.numBlocks; i++) {
      for (let j = i; j < this.numBlocks; j++) {
        const [a, b] = [i + 1, j + 1];
        const values = this.#hasValue(i) && this.#hasValue(j) ? this.#cka(a, b, inner) : NO_CKA;
        putValues(matrices, i, j, values);
        putValues(matrices, j, i, values);
      }
    }
    return matrices;
  }

  /**
   * `cka(u, k)` in every reading, from the probe of each block (null: it does not update the stream, and `cka(u, k)` is
   * null there). After `compareStates`. `onStart` is called once per state that surrogates start from.
   */
  async followSurrogates(
    probes: readonly (AffineMap | null)[],
    pace: Pace,
    onStart: () => void = () => {},
  ): Promise<PerEstimator<PerReading<Matrix>>> {
    const trajectories = new Trajectories(this.numBlocks);
    const steps = new KeptSteps(probes, (probe) => this.#kernels.stepOf(probe));
    try {
      for (let start = -1; start < this.numBlocks; start++) {
        if (start >= 0 && this.#hasValue(start)) trajectories.putStart(start);
        await this.#follow(start, steps, trajectories, pace);
        onStart();
      }
    } finally {
      steps.dispose();
    }
    return trajectories.result();
  }

  dispose(): void {
    this.#kernels.dispose();
  }

  async #follow(start: number, steps: KeptSteps, trajectories: Trajectories, pace: Pace): Promise<void> {
    const surrogate = this.#kernels.surrogateFrom(start + 1);
    try {
      for (let k = start + 1; k < this.numBlocks; k++) {
        if (!this.#updated[k] || !steps.with(k, (step) => surrogate.apply(step))) continue;
        // The state after block i has index i + 1: after k, after u = start, after u = start + 1.
        const targets = [k + 1, start + 1, start + 2];
        const { sums, inner } = await surrogate.compare(targets);
        const [afterK, afterStart, afterNext] = targets.map((state, i) => this.#against(state, inner[i]!, sums));
        trajectories.put(start, k, afterK!, afterStart!, afterNext!);
        await pace.breathe();
      }
    } finally {
      surrogate.dispose();
    }
  }

  /** Whether the block changes the stream, and the state after it varies. */
  #hasValue(block: number): boolean {
    return this.#updated[block] === true && !this.#states.isConstant(block + 1);
  }

  #cka(a: number, b: number, inner: readonly (readonly number[])[]): CkaValues {
    const values = ckaOf(inner[a]![b - a]!, this.#sums[a]!, this.#sums[b]!);
    // Exactly 1 rather than 1 up to rounding, where it exists.
    return a === b ? { debiased: values.debiased && 1, biased: values.biased && 1 } : values;
  }

  #against(state: number, inner: number, surrogate: KernelSums): CkaValues {
    const sums = this.#sums[state];
    if (!sums) throw new RangeError('Compare the states before following surrogates');
    if (this.#states.isConstant(state) || !(surrogate.trace > 1e-12 * sums.trace)) return NO_CKA;
    return ckaOf(inner, sums, surrogate);
  }
}

/** Probes on the engine from one start to the next, while the bytes last. */
class KeptSteps {
  readonly #kept = new Map<number, ProbeStep>();
  #bytesLeft = KEPT_STEP_BYTES;

  constructor(
    readonly probes: readonly (AffineMap | null)[],
    readonly stepOf: (probe: AffineMap) => ProbeStep,
  ) {}

  /** False where the block has no probe. */
  with(block: number, use: (step: ProbeStep) => void): boolean {
    const probe = this.probes[block];
    if (!probe) return false;
    const kept = this.#kept.get(block);
    const step = kept ?? this.stepOf(probe);
    const bytes = 4 * probe.bias.length ** 2;
    const stays = kept !== undefined || bytes <= this.#bytesLeft;
    if (stays && !kept) {
      this.#bytesLeft -= bytes;
      this.#kept.set(block, step);
    }
    try {
      use(step);
    } finally {
      if (!stays) step.dispose();
    }
    return true;
  }

  dispose(): void {
    for (const step of this.#kept.values()) step.dispose();
  }
}

/** CKA of two sets of rows [rows, width] of the same width, on the engine in use. */
export async function linearCka(
  x: Float32Array,
  y: Float32Array,
  rows: number,
  pace: Pace = new Pace(),
  form?: KernelForm,
): Promise<CkaValues> {
  const similarity = new StreamSimilarity([x, x, y], rows, x.length / rows, { form });
  try {
    const { debiased, biased } = await similarity.compareStates(pace);
    return { debiased: debiased[0]?.[1] ?? null, biased: biased[0]?.[1] ?? null };
  } finally {
    similarity.dispose();
  }
}
