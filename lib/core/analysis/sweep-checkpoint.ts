/**
 * Checkpoints of a sweep over surrogates (shared-sweep.ts): an hour of one thread for sixty blocks of 2,048 rows × 3,072. What was
 * found of surrogates so far, and how far their rows have come, are kept beside the states, so that a sweep that was interrupted goes on after
 * the last checkpoint, to the same figures bit for bit. A checkpoint is written whole before the one before it is removed.
 */
import { ContiguaError } from '../errors.ts';
import { floatsPiece, jsonPiece, putFloats, putJson, putMatrix, type StateStore } from '../states/index.ts';
import type { FoundOfSurrogates } from './gram-figures.ts';
import type { FoundResamples } from './resampled-similarity.ts';

export interface SweptSoFar {
  /** The last block whose probe all surrogates have been through. */
  readonly block: number;
  /** The first start of each set of fitted rows. */
  readonly firsts: readonly number[];
  readonly heldOut: FoundOfSurrogates;
  readonly all: FoundOfSurrogates;
}

/** The rows of surrogates and of sets of fitted rows [rows, width], in order. */
export interface WaitingRows {
  surrogate(start: number): Promise<Float32Array>;
  fitted(set: number): Promise<Float32Array>;
}

export interface Checkpoints {
  /** Asked after each block. */
  isDue(): boolean;
  put(soFar: SweptSoFar, rows: WaitingRows, width: number): Promise<void>;
  /** Null where there is none. */
  get(): Promise<(SweptSoFar & WaitingRows) | null>;
}

export interface StoredCheckpoints extends Checkpoints {
  /** Removes what is stored. `starts`: no more surrogates than that have been stored. */
  clear(starts: number): Promise<void>;
}

/** At least so long between two of them. */
const EVERY_MS = 120_000;
/** Of the time since the last one, the most that writing it may have taken. */
const MOST_SHARE = 0.05;

/** The second one is written before the first is removed. */
const AT_ONCE = 2;

/** Of a sweep of so many seconds whose waiting rows take so many bytes; what was found takes little beside them. */
export function checkpointsBytes(seconds: number, rowBytes: number): number {
  return 1000 * seconds > EVERY_MS ? AT_ONCE * rowBytes : 0;
}

interface Marker {
  readonly generation: number;
}
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

/** In a store that outlives the process. `now` in ms. */
export function storedCheckpoints(
  store: StateStore,
  stream: string,
  { now = () => performance.now(), everyMs = EVERY_MS } = {},
): StoredCheckpoints {
  const marker = `sweep/${stream}`;
  const keyOf = (generation: number, what: string) => `sweep/${stream}-${generation}-${what}`;
  let [lastAt, tookMs, isFull] = [now(), 0, false];

  async function removed(generation: number, starts: number): Promise<void> {
    for (let index = 0; index < starts; index++) {
      await store.remove(keyOf(generation, `surrogate-${index}`));
      await store.remove(keyOf(generation, `fitted-${index}`));
    }
    for (const what of ['found', ...BOTH.map((of) => `resampled-${of}`)]) await store.remove(keyOf(generation, what));
  }

  async function written(generation: number, soFar: SweptSoFar, rows: WaitingRows, width: number): Promise<void> {
    const { block, firsts } = soFar;
    for (let start = 0; start <= block; start++) {
      await putMatrix(store, keyOf(generation, `surrogate-${start}`), await rows.surrogate(start), width);
    }
    for (const set of firsts.keys()) {
      await putMatrix(store, keyOf(generation, `fitted-${set}`), await rows.fitted(set), width);
    }
    for (const of of BOTH) {
      const { resampled } = soFar[of];
      if (resampled) await putFloats(store, keyOf(generation, `resampled-${of}`), resampled.values);
    }
    const found = { block, firsts, heldOut: storedFound(soFar.heldOut), all: storedFound(soFar.all) } satisfies Stored;
    await putJson(store, keyOf(generation, 'found'), found);
    await putJson(store, marker, { generation } satisfies Marker);
  }

  return {
    isDue: () => !isFull && now() - lastAt >= Math.max(everyMs, tookMs / MOST_SHARE),

    async put(soFar, rows, width) {
      const startedAt = now();
      const before = await jsonPiece<Marker>(store, marker);
      const generation = before?.generation === 0 ? 1 : 0;
      try {
        await written(generation, soFar, rows, width);
      } catch (thrown) {
        if (!(thrown instanceof ContiguaError) || !['disk-full', 'too-large'].includes(thrown.code)) throw thrown;
        // The sweep needs none of it.
        isFull = true;
        await removed(generation, soFar.block + 1);
        return;
      }
      if (before) await removed(before.generation, soFar.block + 1);
      [lastAt, tookMs] = [now(), now() - startedAt];
    },

    async get() {
      const found = await jsonPiece<Marker>(store, marker);
      if (!found) return null;
      const { generation } = found;
      const stored = await jsonPiece<Stored>(store, keyOf(generation, 'found'));
      if (!stored) return null;
      const { block, firsts } = stored;
      const foundOf = async (of: (typeof BOTH)[number]): Promise<FoundOfSurrogates> => {
        const { totals, resampled: matrices } = stored[of];
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

    async clear(starts) {
      await store.remove(marker);
      for (const generation of [0, 1]) await removed(generation, starts);
    },
  };
}

const storedFound = ({ totals, resampled }: FoundOfSurrogates): StoredFound => ({
  totals,
  resampled: resampled?.matrices ?? null,
});
