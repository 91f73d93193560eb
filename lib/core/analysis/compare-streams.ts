/**
 * CKA and trajectories of every stream: over its held-out tokens, with noise bands and resamples, and over all tokens.
 * One stream's kernels are kept at a time.
 */
import type { BlockSpec, StreamProbes } from '../model/index.ts';
import type { PerStream, Similarity } from '../report/report.ts';
import type { JudgedRows } from './judged-rows.ts';
import type { Pace } from './pace.ts';
import type { AnalysisProgress, AnalysisStage } from './progress.ts';
import { StreamSimilarity } from './similarity.ts';
import type { StageClock } from './stage-clock.ts';
import { type WeightedComparison, WeightedStreamSimilarity } from './weighted-similarity.ts';

/** States of every stream, [n, d] each: the embedded input, then after each block. */
export type States = PerStream<Float32Array[]>;

export interface ComparedStream {
  /** Null where the stream has no tokens at all. */
  readonly all: Similarity | null;
  /** Null where none of the stream's tokens are held out. */
  readonly heldOut: WeightedComparison | null;
}

interface Comparing {
  readonly blocks: readonly BlockSpec[];
  readonly width: number;
  readonly probes: readonly StreamProbes[];
  readonly judged: JudgedRows | null;
}

export async function compareStreams(
  states: States,
  { blocks, width, probes, judged }: Comparing,
  pace: Pace,
  clock: StageClock,
  onProgress: (progress: AnalysisProgress) => void,
): Promise<PerStream<ComparedStream>> {
  const ids = Object.keys(states);
  const heldOutRows = (id: string) => {
    const rows = judged?.rows[id];
    return rows && rows.rows.length > 0 ? rows : null;
  };
  const isEmpty = (id: string) => states[id]![0]!.length === 0;
  const parts = ids.filter((id) => !isEmpty(id)).length + ids.filter(heldOutRows).length;
  const counter = (stage: AnalysisStage) => {
    let done = 0;
    const total = parts * (blocks.length + 1);
    return () => onProgress({ stage, done: ++done, total });
  };
  const onState = counter('cka');
  const onStart = counter('trajectories');
  const compared: [string, ComparedStream][] = [];
  for (const id of ids) {
    const updated = blocks.map(({ updates }) => updates.includes(id));
    const along = probes.map((probe) => probe[id] ?? null);
    const rows = heldOutRows(id);
    const heldOut = judged && rows && (await compareHeldOut(judged, rows));
    compared.push([id, { heldOut, all: isEmpty(id) ? null : await compareAll() }]);

    async function compareHeldOut(
      { weightings }: JudgedRows,
      of: NonNullable<typeof rows>,
    ): Promise<WeightedComparison> {
      clock.start('cka');
      const similarity = new WeightedStreamSimilarity(states[id]!, of, width, weightings, { updated });
      try {
        const cka = await similarity.compareStates(pace, onState);
        clock.start('trajectories');
        return similarity.comparison(cka, await similarity.followSurrogates(along, pace, onStart));
      } finally {
        similarity.dispose();
      }
    }

    async function compareAll(): Promise<Similarity> {
      clock.start('cka');
      const rowCount = states[id]![0]!.length / width;
      const similarity = new StreamSimilarity(states[id]!, rowCount, width, { updated });
      try {
        const cka = await similarity.compareStates(pace, onState);
        clock.start('trajectories');
        const trajectories = await similarity.followSurrogates(along, pace, onStart);
        return { rows: rowCount, cka, trajectories, bounds: null };
      } finally {
        similarity.dispose();
      }
    }
  }
  return Object.fromEntries(compared);
}
