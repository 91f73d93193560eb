/**
 * CKA and trajectories of every stream: over its held-out tokens, over those of each noise band, over all tokens, and the
 * bounds of the first from resamples. States and probes are read from the store; what was compared of one stream is a
 * finished piece there, which is not computed again.
 */
import type { BlockSpec } from '../model/index.ts';
import type { PerStream, Similarity } from '../report/report.ts';
import {
  jsonPiece,
  memoryStates,
  notSealed,
  putJson,
  putMatrix,
  type StateStore,
  tieredStates,
} from '../states/index.ts';
import { type KeptParts, type PartRows, type PartsDone, rowParts, sweepParts } from './gram-parts.ts';
import { type SweepProgress, sweepGrams } from './gram-sweep.ts';
import type { CellRows } from './held-out-cells.ts';
import type { JudgedRows } from './judged-rows.ts';
import type { Pace } from './pace.ts';
import { stateKey } from './probe-sweep.ts';
import type { AnalysisProgress, AnalysisStage } from './progress.ts';
import { type ResampledSimilarity, resampleSimilarity } from './resampled-similarity.ts';
import { sweepShared } from './shared-sweep.ts';
import { StreamSimilarity } from './similarity.ts';
import { isOneSweep, similarityForm } from './similarity-form.ts';
import type { StageClock } from './stage-clock.ts';
import { withBatches } from './stated-batches.ts';
import { type BlockProbes, probesOf } from './stored-probes.ts';
import { type ComparedRows, comparedPiece, putCompared } from './stored-similarity.ts';
import { type StoredCheckpoints, storedCheckpoints } from './sweep-checkpoint.ts';
import type { Weightings } from './weightings.ts';

const TILE_ROWS = 4096;

export interface ComparedStream {
  /** Null where the stream has no tokens at all. */
  readonly all: Similarity | null;
  /** Null where none of the stream's tokens are held out. */
  readonly heldOut: Similarity | null;
  readonly resampled: ResampledSimilarity | null;
}

interface Comparing {
  readonly store: StateStore;
  /** Whether it outlives the process. */
  readonly lasts: boolean;
  /** Captured rows of each stream. */
  readonly rows: PerStream<number>;
  readonly blocks: readonly BlockSpec[];
  readonly width: number;
  readonly probes: BlockProbes;
  readonly judged: JudgedRows | null;
  /** Surrogates of one stream that may wait in memory; more than that wait in the store. */
  readonly surrogateBytes: number;
  readonly checkpointMs?: number | undefined;
}

export async function compareStreams(
  { rows, judged, ...comparing }: Comparing,
  pace: Pace,
  clock: StageClock,
  onProgress: (progress: AnalysisProgress) => void,
): Promise<PerStream<ComparedStream>> {
  const { blocks, width } = comparing;
  const work = Object.entries(rows).map(([id, count]) => {
    return { id, count, heldOut: (judged?.rows[id]?.rows ?? new Uint32Array()).toSorted() };
  });
  const steps = work.flatMap(({ count, heldOut }) => [
    stepsOf(heldOut.length, blocks.length, width, judged !== null),
    stepsOf(count, blocks.length, width, false),
  ]);
  const onState = counter(
    'cka',
    steps.reduce((sum, { states }) => sum + states, 0),
    onProgress,
  );
  const onStep = counter(
    'trajectories',
    steps.reduce((sum, { along }) => sum + along, 0),
    onProgress,
  );
  const sweep: StreamSweep = { ...comparing, pace, clock, onState, onStep };

  const streams: [string, ComparedStream][] = [];
  for (const { id, count, heldOut } of work) {
    const resampling = judged && { cells: judged.someRows[id]!, weightings: judged.weightings };
    const [ofHeldOut, ofAll] = await comparedBoth(sweep, id, count, heldOut, resampling);
    streams.push([
      id,
      {
        all: ofAll && withBatches(ofAll.similarity, blocks.length, width),
        heldOut: ofHeldOut && withBatches(ofHeldOut.similarity, blocks.length, width),
        resampled: ofHeldOut?.resampled ?? null,
      },
    ]);
  }
  return Object.fromEntries(streams);
}

/** Over the held-out rows of a stream, and over all `count` of its rows; null for none. */
async function comparedBoth(
  sweep: StreamSweep,
  stream: string,
  count: number,
  heldOut: Uint32Array,
  resampling: Resampling,
): Promise<[ComparedRows | null, ComparedRows | null]> {
  const { blocks, width } = sweep;
  if (isOneSweep(count, heldOut.length, blocks.length, width)) {
    return await finishedBoth(sweep, stream, count, heldOut, resampling);
  }
  const all = Uint32Array.from({ length: count }, (_, i) => i);
  return [
    heldOut.length > 0 ? await finished(sweep, heldOutKey(stream), stream, heldOut, resampling) : null,
    count > 0 ? await finished(sweep, allKey(stream), stream, all, null) : null,
  ];
}

const heldOutKey = (stream: string) => `similar/${stream}-held-out`;
const allKey = (stream: string) => `similar/${stream}-all`;

/** How many states are compared and surrogates advanced (or, with all at once, followed), over so many rows of a stream. */
function stepsOf(rows: number, blocks: number, width: number, resampled: boolean) {
  const form = similarityForm(rows, blocks, width);
  const again = resampled ? 1 : 0;
  if (rows === 0) return { states: 0, along: 0 };
  if (form === 'at-once') return { states: blocks + 1, along: (blocks + 1) * (1 + again) };
  const sweeps = form === 'grams' ? 1 : rowParts(rows).length + again;
  return { states: sweeps * (blocks + 1), along: (sweeps * blocks * (blocks + 1)) / 2 };
}

function counter(stage: AnalysisStage, total: number, onProgress: (progress: AnalysisProgress) => void) {
  let done = 0;
  return (steps = 1) => {
    done += steps;
    onProgress({ stage, done, total });
  };
}

interface StreamSweep extends Omit<Comparing, 'rows' | 'judged'> {
  readonly pace: Pace;
  readonly clock: StageClock;
  readonly onState: (steps?: number) => void;
  readonly onStep: (steps?: number) => void;
}

type Resampling = { readonly cells: CellRows; readonly weightings: Weightings } | null;

/** The piece of these rows of a stream, made where it is not there yet. `rows` ascend; cells name captured rows. */
async function finished(
  sweep: StreamSweep,
  key: string,
  stream: string,
  rows: Uint32Array,
  resampling: Resampling,
): Promise<ComparedRows> {
  const { store, blocks, width, onState, onStep } = sweep;
  const found = await comparedPiece(store, key);
  if (found) {
    const { states, along } = stepsOf(rows.length, blocks.length, width, resampling !== null);
    onState(states);
    onStep(along);
    return found;
  }
  const form = similarityForm(rows.length, blocks.length, width);
  const made =
    form === 'at-once'
      ? await compareAtOnce(sweep, stream, rows, resampling)
      : await compareGrams(sweep, stream, rows, resampling, form === 'parts' ? keptParts(store, key) : null);
  await putCompared(store, key, made);
  await store.remove(`${key}-parts`);
  return made;
}

/** The pieces of both, made by one sweep where one of them is not there yet. */
async function finishedBoth(
  sweep: StreamSweep,
  stream: string,
  count: number,
  heldOut: Uint32Array,
  resampling: Resampling,
): Promise<[ComparedRows, ComparedRows]> {
  const { store, lasts, blocks, width, checkpointMs: everyMs, onState, onStep } = sweep;
  const [ofHeldOut, ofAll] = [
    await comparedPiece(store, heldOutKey(stream)),
    await comparedPiece(store, allKey(stream)),
  ];
  const checkpoints = lasts ? storedCheckpoints(store, stream, blocks.length, { everyMs }) : undefined;
  if (ofHeldOut && ofAll) {
    await checkpoints?.clear();
    for (const rows of [heldOut.length, count]) {
      const { states, along } = stepsOf(rows, blocks.length, width, false);
      onState(states);
      onStep(along);
    }
    return [ofHeldOut, ofAll];
  }
  const made = await compareShared(sweep, stream, count, heldOut, resampling, checkpoints);
  const withRoom = roomBefore(checkpoints);
  await withRoom(() => putCompared(store, heldOutKey(stream), made.heldOut));
  await withRoom(() => putCompared(store, allKey(stream), made.all));
  await checkpoints?.clear();
  return [made.heldOut, made.all];
}

function keptParts(store: StateStore, key: string): KeptParts {
  return {
    get: () => jsonPiece<PartsDone>(store, `${key}-parts`),
    put: (done) => putJson(store, `${key}-parts`, done),
  };
}

/** States and probes one at a time, of all rows together or in parts. */
async function compareGrams(
  { store, blocks, width, probes, surrogateBytes, pace, clock, onState, onStep }: StreamSweep,
  stream: string,
  rows: Uint32Array,
  resampling: Resampling,
  parts: KeptParts | null,
): Promise<ComparedRows> {
  const surrogates = waitingRows(store, surrogateBytes, width);
  const surrogateKey = (start: number) => `surrogate/${stream}-${start}`;
  const of = {
    blocks: blocks.length,
    rows: rows.length,
    width,
    updated: blocks.map(({ updates }) => updates.includes(stream)),
    resampling: resamplingOf(resampling, rows),
  };
  const from: PartRows = {
    state: async (index, some) =>
      await pickedState(
        store,
        stream,
        index,
        width,
        some.map((at) => rows[at]!),
      ),
    probe: async (block) => (await probes.of(block))[stream] ?? null,
    surrogate: (start) => surrogates.read(surrogateKey(start)),
    putSurrogate: (start, values) => surrogates.put(surrogateKey(start), values),
  };
  let states = 0;
  const progress: SweepProgress = {
    onState() {
      if (states % (blocks.length + 1) === 0) clock.start('cka');
      states += 1;
      onState();
      if (states % (blocks.length + 1) === 0) clock.start('trajectories');
    },
    onSurrogate: () => onStep(),
  };
  clock.start('cka');
  try {
    if (parts) return await sweepParts(of, from, pace, progress, parts);
    const all = Uint32Array.from(rows, (_, at) => at);
    return await sweepGrams(of, { ...from, state: (index) => from.state(index, all) }, pace, progress);
  } finally {
    for (let start = 0; start < blocks.length; start++) await surrogates.remove(surrogateKey(start));
  }
}

/** As `compareGrams`, over held-out and over all rows of no more than features. */
async function compareShared(
  { store, blocks, width, probes, surrogateBytes, pace, clock, onState, onStep }: StreamSweep,
  stream: string,
  count: number,
  heldOut: Uint32Array,
  resampling: Resampling,
  checkpoints: StoredCheckpoints | undefined,
): Promise<{ readonly heldOut: ComparedRows; readonly all: ComparedRows }> {
  const waiting = waitingRows(store, surrogateBytes, width);
  const surrogateKey = (start: number) => `surrogate/${stream}-${start}`;
  const fittedKey = (set: number) => `surrogate/${stream}-fitted-${set}`;
  const judged = new Set(heldOut);
  const all = Uint32Array.from({ length: count }, (_, row) => row);
  const of = {
    blocks: blocks.length,
    width,
    updated: blocks.map(({ updates }) => updates.includes(stream)),
    isFitted: Array.from(all, (row) => !judged.has(row)),
    resampling: resamplingOf(resampling, heldOut),
  };
  const withRoom = roomBefore(checkpoints);
  let states = 0;
  const progress: SweepProgress = {
    onState() {
      states += 1;
      onState(2);
      if (states === blocks.length + 1) clock.start('trajectories');
    },
    onSurrogate: () => onStep(2),
  };
  clock.start('cka');
  try {
    return await sweepShared(
      of,
      {
        state: (index) => pickedState(store, stream, index, width, all),
        probe: async (block) => (await probes.of(block))[stream] ?? null,
        surrogate: (start) => waiting.read(surrogateKey(start)),
        putSurrogate: (start, values) => withRoom(() => waiting.put(surrogateKey(start), values)),
        fitted: (set) => waiting.read(fittedKey(set)),
        putFitted: (set, values) => withRoom(() => waiting.put(fittedKey(set), values)),
      },
      pace,
      progress,
      { checkpoints },
    );
  } finally {
    for (let start = 0; start < blocks.length; start++) {
      await waiting.remove(surrogateKey(start));
      await waiting.remove(fittedKey(start));
    }
  }
}

/** What writes with the room of checkpoints, where there are any. */
const roomBefore = (checkpoints: StoredCheckpoints | undefined): StoredCheckpoints['before'] =>
  checkpoints?.before ?? ((write) => write());

/** Rows of surrogates between two probes: in memory within the budget, and in the store beyond it. */
function waitingRows(store: StateStore, bytes: number, width: number) {
  const rows = tieredStates(memoryStates(bytes), store);
  return {
    read: (key: string) => rows.read(key),
    remove: (key: string) => rows.remove(key),
    put: (key: string, values: Float32Array) => putMatrix(rows, key, values, width),
  };
}

/** With cells of places among `rows`, which they are part of. */
function resamplingOf(resampling: Resampling, rows: Uint32Array): Resampling {
  if (!resampling) return null;
  const position = new Map(Array.from(rows, (row, at) => [row, at] as const));
  const { cells, weightings } = resampling;
  return { weightings, cells: { ...cells, rows: cells.rows.map((row) => position.get(row)!) } };
}

/** With more rows than features, where all states of the stream and all its probes are in memory at once. */
async function compareAtOnce(
  { store, blocks, width, probes, pace, clock, onState, onStep }: StreamSweep,
  stream: string,
  rows: Uint32Array,
  resampling: Resampling,
): Promise<ComparedRows> {
  const updated = blocks.map(({ updates }) => updates.includes(stream));
  const along = (await probesOf(probes, blocks.keys())).map((probe) => probe[stream] ?? null);
  const picked: Float32Array[] = [];
  for (let state = 0; state <= blocks.length; state++) {
    picked.push(await pickedState(store, stream, state, width, rows));
  }
  clock.start('cka');
  const similarity = new StreamSimilarity(picked, rows.length, width, { updated });
  const compared = await (async () => {
    try {
      const cka = await similarity.compareStates(pace, onState);
      clock.start('trajectories');
      const trajectories = await similarity.followSurrogates(along, pace, onStep);
      return { rows: rows.length, cka, trajectories, bounds: null };
    } finally {
      similarity.dispose();
    }
  })();
  if (!resampling) return { similarity: compared, resampled: null };
  const { cells, weightings } = resamplingOf(resampling, rows)!;
  const resampled = await resampleSimilarity(picked, cells, width, weightings, along, compared, pace, onStep);
  return { similarity: compared, resampled };
}

/** Read in tiles: all rows together may be more than memory has room for. `rows` ascend. Rejects where the store has no such state. */
async function pickedState(
  store: StateStore,
  stream: string,
  state: number,
  width: number,
  rows: Uint32Array,
): Promise<Float32Array> {
  const key = stateKey(stream, state);
  const shape = await store.shape(key);
  if (!shape) throw notSealed(key);
  const all = shape.rows;
  if (rows.length === all) return await store.read(key);
  const picked = new Float32Array(rows.length * width);
  let at = 0;
  for (let from = 0; from < all && at < rows.length; from += TILE_ROWS) {
    const to = Math.min(all, from + TILE_ROWS);
    if (rows[at]! >= to) continue;
    const tile = await store.read(key, from, to);
    for (; at < rows.length && rows[at]! < to; at++) {
      const first = (rows[at]! - from) * width;
      picked.set(tile.subarray(first, first + width), at * width);
    }
  }
  if (at < rows.length) throw new RangeError(`${key} has no row ${rows[at]}: it has ${all}`);
  return picked;
}
