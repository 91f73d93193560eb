/**
 * How far a choice of samples is from its share, at every timestep and over halves, quarters, … of all of them in order, so
 * that timesteps that have less than one sample to give are spread too. Kept up to date sample by sample.
 */
export class TimestepShares {
  /** 0 where every range has its share exactly. A timestep that is off by more than one sample outweighs all else. */
  cost = 0;
  readonly #leafOf = new Map<number, number>();
  /** A binary tree: the root at 1, its children at 2 and 3; leaves are timesteps. */
  readonly #leaves: number;
  /** Chosen samples less their share. */
  readonly #excess: Float64Array;

  constructor(levels: Float64Array, share: number) {
    const timesteps = [...new Set(levels)].sort((a, b) => a - b);
    this.#leaves = 2 ** Math.ceil(Math.log2(Math.max(1, timesteps.length)));
    for (const [leaf, timestep] of timesteps.entries()) this.#leafOf.set(timestep, this.#leaves + leaf);
    this.#excess = new Float64Array(2 * this.#leaves);
    for (const level of levels) this.#change(level, -share);
  }

  /** Takes a sample at each of these timesteps into the choice, or (`by` −1) out of it. */
  add(levels: readonly number[], by: 1 | -1): void {
    for (const level of levels) this.#change(level, by);
  }

  #change(level: number, by: number): void {
    const leaf = this.#leafOf.get(level);
    if (leaf === undefined) throw new RangeError(`No timestep ${level}`);
    for (let node = leaf; node >= 1; node >>= 1) {
      this.cost -= this.#costOf(node);
      this.#excess[node] = this.#excess[node]! + by;
      this.cost += this.#costOf(node);
    }
  }

  #costOf(node: number): number {
    const off = Math.abs(this.#excess[node]!);
    return off ** 2 + (node >= this.#leaves && off > 1 + ROUNDING ? UNEVEN * (off - 1) : 0);
  }
}

const UNEVEN = 1e4;
/** Of sums of shares. */
const ROUNDING = 1e-9;
