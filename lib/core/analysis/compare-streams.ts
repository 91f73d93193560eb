/**
 * CKA and trajectories of every stream: over its held-out tokens, over those of each noise band, over all tokens, and the
 * bounds of the first from resamples. States and probes are read from the store; what was compared of one stream is a
 * finished piece there, which is not computed again.
 */
import type { BlockSpec } from '../model/index.ts';
import type { PerStream, Similarity } from '../report/report.ts';
import { memoryStates, type StateStore, tieredStates } from '../states/index.ts';
import { type SweepRows, sweepGrams } from './gram-sweep.ts';
import type { CellRows } from './held-out-cells.ts';
import type { JudgedRows } from './judged-rows.ts';
import type { Pace } from './pace.ts';
import { pickRows } from './pick-rows.ts';
import { stateKey } from './probe-sweep.ts';
import type { AnalysisProgress, AnalysisStage } from './progress.ts';
import { type ResampledSimilarity, resampleSimilarity } from './resampled-similarity.ts';
import { StreamSimilarity } from './similarity.ts';
import type { StageClock } from './stage-clock.ts';
import { type BlockProbes, probesOf } from './stored-probes.ts';
import { type ComparedRows, comparedPiece, putCompared } from './stored-similarity.ts';
import type { Weightings } from './weightings.ts';

export interface ComparedStream {
  /** Null where the stream has no tokens at all. */
  readonly all: Similarity | null;
  /** Null where none of the stream's tokens are held out. */
  readonly heldOut: Similarity | null;
  readonly resampled: ResampledSimilarity | null;
}

interface Comparing {
  readonly store: StateStore;
  /** Captured rows of each stream. */
  readonly rows: PerStream<number>;
  readonly blocks: readonly BlockSpec[];
  readonly width: number;
  readonly probes: BlockProbes;
  readonly judged: JudgedRows | null;
  /** Surrogates of one stream that may wait in memory; more than that wait in the store. */
  readonly surrogateBytes: number;
}

export async function compareStreams(
  { store, rows, blocks, width, probes, judged, surrogateBytes }: Comparing,
  pace: Pace,
  clock: StageClock,
  onProgress: (progress: AnalysisProgress) => void,
): Promise<PerStream<ComparedStream>> {
  const work = Object.entries(rows).map(([id, count]) => {
    return { id, count, heldOut: (judged?.rows[id]?.rows ?? new Uint32Array()).toSorted() };
  });
  const compared = work.flatMap(({ count, heldOut }) => [heldOut.length, count]).filter((n) => n > 0);
  const stepsOf = (n: number) => (usesGrams(n, width) ? (blocks.length * (blocks.length + 1)) / 2 : blocks.length + 1);
  const resampledSteps = work.filter(({ heldOut: { length } }) => length > 0 && !usesGrams(length, width)).length;
  const onState = counter('cka', compared.length * (blocks.length + 1), onProgress);
  const onStep = counter(
    'trajectories',
    compared.reduce((sum, n) => sum + stepsOf(n), 0) + resampledSteps * (blocks.length + 1),
    onProgress,
  );
  const sweep: StreamSweep = { store, blocks, width, probes, surrogateBytes, pace, clock, onState, onStep };

  const streams: [string, ComparedStream][] = [];
  for (const { id, count, heldOut } of work) {
    const resampling = judged && { cells: judged.someRows[id]!, weightings: judged.weightings };
    const ofHeldOut =
      heldOut.length > 0 ? await finished(sweep, `similar/${id}-held-out`, id, heldOut, resampling) : null;
    const ofAll =
      count > 0
        ? await finished(
            sweep,
            `similar/${id}-all`,
            id,
            Uint32Array.from({ length: count }, (_, i) => i),
            null,
          )
        : null;
    streams.push([
      id,
      {
        all: ofAll?.similarity ?? null,
        heldOut: ofHeldOut?.similarity ?? null,
        resampled: ofHeldOut?.resampled ?? null,
      },
    ]);
  }
  return Object.fromEntries(streams);
}

/** One Gram per state serves everything where there are no more rows than features. */
const usesGrams = (rows: number, width: number) => rows <= width;

function counter(stage: AnalysisStage, total: number, onProgress: (progress: AnalysisProgress) => void) {
  let done = 0;
  return (steps = 1) => {
    done += steps;
    onProgress({ stage, done, total });
  };
}

interface StreamSweep extends Pick<Comparing, 'store' | 'blocks' | 'width' | 'probes' | 'surrogateBytes'> {
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
  const withGrams = usesGrams(rows.length, width);
  const found = await comparedPiece(store, key);
  if (found) {
    onState(blocks.length + 1);
    onStep(withGrams ? (blocks.length * (blocks.length + 1)) / 2 : (blocks.length + 1) * (resampling ? 2 : 1));
    return found;
  }
  const made = await (withGrams ? compareGrams : compareAtOnce)(sweep, stream, rows, resampling);
  await putCompared(store, key, made);
  return made;
}

/** States and probes one at a time; surrogates wait in memory within the budget, and in the store beyond it. */
async function compareGrams(
  { store, blocks, width, probes, surrogateBytes, pace, clock, onState, onStep }: StreamSweep,
  stream: string,
  rows: Uint32Array,
  resampling: Resampling,
): Promise<ComparedRows> {
  const position = new Map(Array.from(rows, (row, at) => [row, at] as const));
  const surrogates = tieredStates(memoryStates(surrogateBytes), store);
  const surrogateKey = (start: number) => `surrogate/${stream}-${start}`;
  const of = {
    blocks: blocks.length,
    rows: rows.length,
    width,
    updated: blocks.map(({ updates }) => updates.includes(stream)),
    resampling: resampling && {
      ...resampling,
      cells: { ...resampling.cells, rows: resampling.cells.rows.map((row) => position.get(row)!) },
    },
  };
  const from: SweepRows = {
    state: async (index) => await pickedState(store, stream, index, width, rows),
    probe: async (block) => (await probes.of(block))[stream] ?? null,
    surrogate: (start) => surrogates.read(surrogateKey(start)),
    async putSurrogate(start, values) {
      await surrogates.create(surrogateKey(start), rows.length, width);
      await surrogates.write(surrogateKey(start), 0, values);
      await surrogates.seal(surrogateKey(start));
    },
  };
  clock.start('cka');
  let states = 0;
  try {
    return await sweepGrams(of, from, pace, {
      onState() {
        states += 1;
        onState();
        if (states > blocks.length) clock.start('trajectories');
      },
      onSurrogate: () => onStep(),
    });
  } finally {
    for (let start = 0; start < blocks.length; start++) await surrogates.remove(surrogateKey(start));
  }
}

/** With more rows than features: all states of the stream and all its probes are in memory at once. */
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
  const position = new Map(Array.from(rows, (row, at) => [row, at] as const));
  const cells = { ...resampling.cells, rows: resampling.cells.rows.map((row) => position.get(row)!) };
  const { weightings } = resampling;
  const resampled = await resampleSimilarity(picked, cells, width, weightings, along, compared, pace, onStep);
  return { similarity: compared, resampled };
}

async function pickedState(
  store: StateStore,
  stream: string,
  state: number,
  width: number,
  rows: Uint32Array,
): Promise<Float32Array> {
  const values = await store.read(stateKey(stream, state));
  return rows.length * width === values.length ? values : pickRows(values, width, rows);
}
