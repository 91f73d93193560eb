/**
 * What the CKA of states and surrogates follows from, added up over parts of the rows that are swept one after the other
 * (gram-parts.ts). Plain numbers, so that a store keeps them between two parts.
 */
import { addHsic, type CkaValues, ckaOfSums, type HsicSums, hsicOfBatches, NO_CKA, selfOfBatches } from './cka.ts';
import { type Grams, innerProducts } from './gram-batches.ts';

interface Self {
  readonly sums: HsicSums;
  readonly trace: number;
  /** Whether the rows of each part are all the same. */
  readonly isConstant: boolean;
}

/** A surrogate after a block, and its HSIC with the states after that block, at its start and one block later. */
interface SurrogateTotals {
  readonly self: Self;
  readonly inner: readonly [HsicSums, HsicSums, HsicSums];
}

/** As they are stored. Indices are those of the sweep: 0 is the embedded input. Absent where nothing was added. */
export interface StoredTotals {
  readonly states: readonly (Self | null)[];
  /** Of states a ≥ b at [a][b]. */
  readonly pairs: readonly (readonly (HsicSums | null)[])[];
  /** At [start][block]. */
  readonly surrogates: readonly (readonly (SurrogateTotals | null)[])[];
}

export class GramTotals {
  readonly #states: (Self | null)[];
  readonly #pairs: (HsicSums | null)[][];
  readonly #surrogates: (SurrogateTotals | null)[][];

  constructor(blocks: number, stored?: StoredTotals) {
    const table = <T>(of?: readonly (readonly (T | null)[])[]) =>
      Array.from({ length: blocks + 1 }, (_, a) => Array.from({ length: blocks + 1 }, (_, b) => of?.[a]?.[b] ?? null));
    this.#states = Array.from({ length: blocks + 1 }, (_, index) => stored?.states[index] ?? null);
    this.#pairs = table(stored?.pairs);
    this.#surrogates = table(stored?.surrogates);
  }

  get stored(): StoredTotals {
    return { states: this.#states, pairs: this.#pairs, surrogates: this.#surrogates };
  }

  /** Of surrogates, as they were stored. */
  restoreSurrogates(stored: StoredTotals['surrogates']): void {
    for (const [start, row] of stored.entries()) this.#surrogates[start] = [...row];
  }

  addState(index: number, grams: Grams, isConstant: boolean): void {
    this.#states[index] = addSelf(this.#states[index] ?? null, selfOf(grams, isConstant));
  }

  addPair(a: number, b: number, ofA: Grams, ofB: Grams): void {
    const row = this.#pairs[a]!;
    row[b] = added(row[b] ?? null, between(ofA, ofB));
  }

  /** `states`: the Grams of all states of this part. */
  addSurrogate(start: number, block: number, grams: Grams, states: readonly Grams[]): void {
    const before = this.#surrogates[start]![block] ?? null;
    const inner = targetsOf(start, block).map((state, i) => {
      return added(before?.inner[i] ?? null, between(states[state]!, grams));
    });
    this.#surrogates[start]![block] = {
      self: addSelf(before?.self ?? null, selfOf(grams, false)),
      inner: inner as [HsicSums, HsicSums, HsicSums],
    };
  }

  isConstant(state: number): boolean {
    return this.#states[state]?.isConstant ?? true;
  }

  /** Exactly 1 rather than 1 up to rounding where a state is compared with itself, and has a value. */
  between(a: number, b: number): CkaValues {
    const [first, second] = [this.#states[a]!, this.#states[b]!];
    const values = ckaOfSums(this.#pairs[a]![b]!, first.sums, second.sums);
    return a === b ? { debiased: values.debiased && 1, biased: values.biased && 1 } : values;
  }

  /** The surrogate against the states after `block`, at its start, and one block later. */
  ofSurrogate(start: number, block: number): readonly [CkaValues, CkaValues, CkaValues] {
    const { self, inner } = this.#surrogates[start]![block]!;
    const against = (at: 0 | 1 | 2) => {
      const state = this.#states[targetsOf(start, block)[at]]!;
      if (state.isConstant || !(self.trace > 1e-12 * state.trace)) return NO_CKA;
      return ckaOfSums(inner[at], state.sums, self.sums);
    };
    return [against(0), against(1), against(2)];
  }
}

const targetsOf = (start: number, block: number) => [block + 1, start, start + 1] as const;

const between = (a: Grams, b: Grams) => hsicOfBatches(innerProducts(a, b), a.sums, b.sums);

const added = (a: HsicSums | null, b: HsicSums) => (a ? addHsic(a, b) : b);

function selfOf({ sums }: Grams, isConstant: boolean): Self {
  return { sums: selfOfBatches(sums), trace: sums.reduce((total, { trace }) => total + trace, 0), isConstant };
}

function addSelf(a: Self | null, b: Self): Self {
  if (!a) return b;
  return { sums: addHsic(a.sums, b.sums), trace: a.trace + b.trace, isConstant: a.isConstant && b.isConstant };
}
