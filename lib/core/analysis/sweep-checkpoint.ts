/**
 * Checkpoints of a sweep over surrogates (shared-sweep.ts), which takes an hour of one thread for sixty blocks of 2,048 rows × 3,072. What was
 * found of surrogates so far, and how far their rows have come, are kept beside the states: a sweep that was interrupted goes on after
 * the newest checkpoint that is whole, to the same figures bit for bit. Two generations take turns, so that one is whole while the other is
 * written. The last piece of each is what was found; where any piece is missing or damaged, the checkpoint does not exist.
 */
import { ContiguaError } from '../errors.ts';
import { floatsPiece, jsonPiece, putFloats, putJson, putMatrix, type StateStore } from '../states/index.ts';
import type { FoundOfSurrogates } from './gram-figures.ts';
import type { Pace } from './pace.ts';
import type { FoundResamples } from './resampled-similarity.ts';

export interface SweptSoFar {
  /** The last block whose probe all surrogates have been through. */
  readonly block: number;
  /** The first start of each set of fitted rows. */
  readonly firsts: readonly number[];
  readonly heldOut: FoundOfSurrogates;
  readonly all: FoundOfSurrogates;
}

/** The rows of surrogates and of sets of fitted rows [rows, width]. */
export interface WaitingRows {
  surrogate(start: number): Promise<Float32Array>;
  fitted(set: number): Promise<Float32Array>;
}

export interface Checkpoints {
  /** Asked after each block. */
  isDue(): boolean;
  /** Gives up for good, and leaves nothing, where the store has no room. */
  put(soFar: SweptSoFar, rows: WaitingRows, width: number, pace: Pace): Promise<void>;
  /** Null where there is none. */
  get(): Promise<(SweptSoFar & WaitingRows) | null>;
}

export interface StoredCheckpoints extends Checkpoints {
  /** Removes what is stored, of this process and of earlier ones. */
  clear(): Promise<void>;
  /** Writes what needs room more than the checkpoints do: where there is none, they make room. */
  before<T>(write: () => Promise<T>): Promise<T>;
}

/** At least so long between two of them. */
const EVERY_MS = 120_000;
/** Of the time since the last one, the most that writing it may have taken. */
const MOST_SHARE = 0.05;
const GENERATIONS = [0, 1] as const;
/** An estimate that is off by less than this still counts their room. */
const MARGIN = 4;

/** Of a sweep of so many seconds whose waiting rows and resamples take so many bytes. */
export function checkpointsBytes(seconds: number, bytes: number): number {
  return MARGIN * 1000 * seconds > EVERY_MS ? GENERATIONS.length * bytes : 0;
}

type Generation = (typeof GENERATIONS)[number];

/** Resamples, which are too many for JSON, are a piece of their own. */
interface StoredFound {
  readonly totals: FoundOfSurrogates['totals'];
  readonly resampled: FoundResamples['matrices'] | null;
}
interface Stored extends Pick<SweptSoFar, 'block' | 'firsts'> {
  readonly heldOut: StoredFound;
  readonly all: StoredFound;
}

const BOTH = ['heldOut', 'all'] as const;

/** In a store that outlives the process. `blocks` of the model; `now` in ms. */
export function storedCheckpoints(
  store: StateStore,
  stream: string,
  blocks: number,
  { now = () => performance.now(), everyMs = EVERY_MS } = {},
): StoredCheckpoints {
  const keyOf = (generation: Generation, what: string) => `sweep/${stream}-${generation}-${what}`;
  let [lastAt, tookMs, hasRoom] = [now(), 0, true];

  async function removed(generation: Generation): Promise<void> {
    // The piece that makes it a checkpoint goes first.
    for (const what of ['found', ...BOTH.map((of) => `resampled-${of}`)]) await store.remove(keyOf(generation, what));
    for (let index = 0; index < blocks; index++) {
      await store.remove(keyOf(generation, `surrogate-${index}`));
      await store.remove(keyOf(generation, `fitted-${index}`));
    }
  }

  async function clear(): Promise<void> {
    for (const generation of GENERATIONS) await removed(generation);
  }

  /** The newest first. */
  async function stored(): Promise<readonly (Stored & { readonly generation: Generation })[]> {
    const found = [];
    for (const generation of GENERATIONS) {
      const one = await jsonPiece<Stored>(store, keyOf(generation, 'found'));
      if (one && (await isWhole(generation, one))) found.push({ ...one, generation });
    }
    return found.sort((a, b) => b.block - a.block);
  }

  async function isWhole(generation: Generation, { block, firsts, heldOut, all }: Stored): Promise<boolean> {
    const pieces = [
      ...Array.from({ length: block + 1 }, (_, start) => `surrogate-${start}`),
      ...firsts.map((_, set) => `fitted-${set}`),
      ...(heldOut.resampled ? ['resampled-heldOut'] : []),
      ...(all.resampled ? ['resampled-all'] : []),
    ];
    for (const what of pieces) if (!(await store.shape(keyOf(generation, what)))) return false;
    return true;
  }

  async function write(
    generation: Generation,
    { block, firsts, heldOut, all }: SweptSoFar,
    rows: WaitingRows,
    width: number,
    pace: Pace,
  ): Promise<void> {
    for (let start = 0; start <= block; start++) {
      await putMatrix(store, keyOf(generation, `surrogate-${start}`), await rows.surrogate(start), width);
      await pace.breathe();
    }
    for (const set of firsts.keys()) {
      await putMatrix(store, keyOf(generation, `fitted-${set}`), await rows.fitted(set), width);
      await pace.breathe();
    }
    for (const [of, { resampled }] of [['heldOut', heldOut] as const, ['all', all] as const]) {
      if (resampled) await putFloats(store, keyOf(generation, `resampled-${of}`), resampled.values);
    }
    const found = { block, firsts, heldOut: storedFound(heldOut), all: storedFound(all) } satisfies Stored;
    await putJson(store, keyOf(generation, 'found'), found);
  }

  return {
    clear,
    isDue: () => hasRoom && now() - lastAt >= Math.max(everyMs, tookMs / MOST_SHARE),

    async put(soFar, rows, width, pace) {
      const startedAt = now();
      const [newest] = await stored();
      const generation = newest?.generation === 0 ? 1 : 0;
      await removed(generation);
      try {
        await write(generation, soFar, rows, width, pace);
      } catch (thrown) {
        if (!isFull(thrown)) throw thrown;
        hasRoom = false;
        await clear();
        return;
      }
      if (newest) await removed(newest.generation);
      [lastAt, tookMs] = [now(), now() - startedAt];
    },

    async get() {
      const [newest] = await stored();
      if (!newest) return null;
      const { block, firsts, generation } = newest;
      const foundOf = async (of: (typeof BOTH)[number]): Promise<FoundOfSurrogates> => {
        const { totals, resampled: matrices } = newest[of];
        const values = matrices && (await floatsPiece(store, keyOf(generation, `resampled-${of}`)));
        return { totals, resampled: matrices && values ? { matrices, values } : null };
      };
      return {
        block,
        firsts,
        heldOut: await foundOf('heldOut'),
        all: await foundOf('all'),
        surrogate: (start) => store.read(keyOf(generation, `surrogate-${start}`)),
        fitted: (set) => store.read(keyOf(generation, `fitted-${set}`)),
      };
    },

    async before(needed) {
      try {
        return await needed();
      } catch (thrown) {
        if (!isFull(thrown) || !hasRoom) throw thrown;
        hasRoom = false;
        await clear();
        return await needed();
      }
    },
  };
}

const isFull = (thrown: unknown): boolean =>
  thrown instanceof ContiguaError && (thrown.code === 'disk-full' || thrown.code === 'too-large');

const storedFound = ({ totals, resampled }: FoundOfSurrogates): StoredFound => ({
  totals,
  resampled: resampled?.matrices ?? null,
});
