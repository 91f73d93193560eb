/**
 * What is told of pairs of states of the whole model, token by token: the direction error of one against the other, which is
 * the loss that students are distilled with (PPCL, stage 1.3), mean Σ ( a/‖a‖ − b/‖b‖ )² = 2 − 2 cos; and two cheap stand-ins
 * for measured damage, Block Influence, 1 − mean cosine (ShortGPT, arXiv 2403.03853), and the mean squared difference (Flux.1
 * Lite). Neither sees what later blocks make of the difference. All of them follow from inner products of rows, so that the
 * states are read once, some rows of all of them at a time.
 */
import type { BlockSpec } from '../model/index.ts';
import type { Matrix, PerStream, Proxies } from '../report/report.ts';
import type { Pace } from './pace.ts';

/** Rows of all states of one stream that are held at once. */
const TILE_BYTES = 64 * 2 ** 20;

export interface PairFigures {
  /** `[u][k]` of every pair u < k, summed over the streams that block k updates. */
  readonly directionErrors: Matrix;
  readonly proxies: Proxies;
}

/**
 * `read` gives rows `from` to `to` (exclusive) of a stream's state, [to − from, width]; state 0 is the embedded input, i + 1
 * the state after block i. `rows` of each stream, ascending, are those that are read.
 */
export async function comparePairs(
  read: (stream: string, state: number, from: number, to: number) => Promise<Float32Array>,
  blocks: readonly BlockSpec[],
  width: number,
  rows: PerStream<Uint32Array>,
  pace: Pace,
): Promise<PairFigures> {
  const states = blocks.length + 1;
  const most = Math.max(1, Math.floor(TILE_BYTES / (4 * width * states)));
  const square = () => blocks.map(() => new Array<number | null>(blocks.length).fill(null));
  const [directionErrors, influence, mse] = [square(), square(), square()];
  const ofBlocks: Record<string, (Comparison | null)[]> = {};
  const sums = new Map<string, PairSums>();
  for (const [stream, of] of Object.entries(rows)) {
    const wanted = (a: number, b: number) => b > 0 && blocks[b - 1]!.updates.includes(stream) && (a > 0 || b === 1);
    const pairs = new PairSums(states, width, wanted);
    for (const [from, to] of runsOf(of, most)) {
      const tile: Float32Array[] = [];
      for (let state = 0; state < states; state++) tile.push(await read(stream, state, from, to));
      await pairs.add(tile, pace);
    }
    sums.set(stream, pairs);
    ofBlocks[stream] = blocks.map(({ index, updates }) =>
      updates.includes(stream) ? pairs.compared(index, index + 1) : null,
    );
  }
  for (let first = 0; first < blocks.length; first++) {
    for (let last = first + 1; last < blocks.length; last++) {
      const compared = blocks[last]!.updates.map((stream) => sums.get(stream)!.compared(first + 1, last + 1));
      directionErrors[first]![last] = compared.reduce((sum, { direction }) => sum + direction, 0);
      influence[first]![last] = mean(compared.map((one) => one.influence));
      mse[first]![last] = mean(compared.map((one) => one.mse));
    }
  }
  const perStream = (of: (one: Comparison) => number): PerStream<(number | null)[]> =>
    Object.fromEntries(Object.entries(ofBlocks).map(([id, all]) => [id, all.map((one) => one && of(one))]));
  return {
    directionErrors,
    proxies: {
      blockInfluence: perStream((one) => one.influence),
      inputOutputMse: perStream((one) => one.mse),
      intervals: { blockInfluence: influence, inputOutputMse: mse },
    },
  };
}

interface Comparison {
  /** A zero vector has no direction and counts as 1 against any other, 0 against another zero. */
  readonly direction: number;
  /** 1 − mean cosine; a zero vector is unlike every other. */
  readonly influence: number;
  /** Over tokens and features. */
  readonly mse: number;
}

/** Sums over rows, for the pairs of states that are wanted. */
class PairSums {
  readonly #direction: Float64Array;
  readonly #cosine: Float64Array;
  readonly #square: Float64Array;
  #rows = 0;

  constructor(
    private readonly states: number,
    private readonly width: number,
    private readonly wanted: (a: number, b: number) => boolean,
  ) {
    this.#direction = new Float64Array(states * states);
    this.#cosine = new Float64Array(states * states);
    this.#square = new Float64Array(states * states);
  }

  /** The same rows of every state [n, width]. */
  async add(tile: readonly Float32Array[], pace: Pace): Promise<void> {
    const { states, width } = this;
    const count = tile[0]!.length / width;
    this.#rows += count;
    const squares = new Float64Array(states);
    for (let row = 0; row < count; row++) {
      const at = row * width;
      for (let a = 0; a < states; a++) squares[a] = dot(tile[a]!, tile[a]!, at, width);
      for (let a = 0; a < states; a++) {
        for (let b = a + 1; b < states; b++) {
          if (this.wanted(a, b))
            this.#addPair(a * states + b, dot(tile[a]!, tile[b]!, at, width), squares[a]!, squares[b]!);
        }
      }
      await pace.breathe();
    }
  }

  compared(a: number, b: number): Comparison {
    const at = a * this.states + b;
    if (this.#rows === 0) return { direction: 0, influence: 0, mse: 0 };
    return {
      direction: this.#direction[at]! / this.#rows,
      influence: 1 - this.#cosine[at]! / this.#rows,
      mse: this.#square[at]! / (this.#rows * this.width),
    };
  }

  /** In float64: what cancels in the squared difference is far below what float32 states hold. */
  #addPair(at: number, ab: number, aa: number, bb: number): void {
    const norms = Math.sqrt(aa) * Math.sqrt(bb);
    const cosine = norms > 0 ? Math.min(1, ab / norms) : Number(aa === 0 && bb === 0);
    this.#cosine[at]! += cosine;
    this.#direction[at]! += norms > 0 ? 2 - 2 * cosine : 1 - cosine;
    this.#square[at]! += Math.max(0, aa + bb - 2 * ab);
  }
}

/** Runs of consecutive rows, at most `most` long, as [from, to). */
function runsOf(rows: Uint32Array, most: number): [number, number][] {
  const runs: [number, number][] = [];
  for (const row of rows) {
    const run = runs.at(-1);
    if (run && run[1] === row && row - run[0] < most) run[1] = row + 1;
    else runs.push([row, row + 1]);
  }
  return runs;
}

/** Of `length` values from `at` on. Four sums, as each addition waits for the one before it. */
function dot(a: Float32Array, b: Float32Array, at: number, length: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  const end = at + length;
  const unrolled = at + (length & ~3);
  let i = at;
  for (; i < unrolled; i += 4) {
    s0 += a[i]! * b[i]!;
    s1 += a[i + 1]! * b[i + 1]!;
    s2 += a[i + 2]! * b[i + 2]!;
    s3 += a[i + 3]! * b[i + 3]!;
  }
  for (; i < end; i++) s0 += a[i]! * b[i]!;
  return s0 + s1 + (s2 + s3);
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
