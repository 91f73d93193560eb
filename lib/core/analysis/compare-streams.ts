/**
 * CKA and trajectories of every stream: over its held-out tokens, over those of each noise band, over all tokens, and the
 * bounds of the first from resamples. One stream's kernels are kept at a time.
 */
import type { BlockSpec, StreamProbes } from '../model/index.ts';
import type { PerStream, Similarity } from '../report/report.ts';
import type { JudgedRows } from './judged-rows.ts';
import type { Pace } from './pace.ts';
import { pickRows } from './pick-rows.ts';
import type { AnalysisProgress, AnalysisStage } from './progress.ts';
import { type ResampledSimilarity, resampleSimilarity } from './resampled-similarity.ts';
import { StreamSimilarity } from './similarity.ts';
import type { StageClock } from './stage-clock.ts';

/** States of every stream, [n, d] each: the embedded input, then after each block. */
export type States = PerStream<Float32Array[]>;

export interface ComparedStream {
  /** Null where the stream has no tokens at all. */
  readonly all: Similarity | null;
  /** Null where none of the stream's tokens are held out. */
  readonly heldOut: Similarity | null;
  readonly resampled: ResampledSimilarity | null;
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
  const work = Object.entries(states).map(([id, of]) => {
    const heldOut = judged?.rows[id]?.rows ?? new Uint32Array();
    return { id, of, count: of[0]!.length / width, heldOut: heldOut.toSorted() };
  });
  const counter = (stage: AnalysisStage, sweepsOverHeldOut: number) => {
    let done = 0;
    const sweeps = work.reduce(
      (sum, { count, heldOut }) => sum + (count > 0 ? 1 : 0) + (heldOut.length > 0 ? sweepsOverHeldOut : 0),
      0,
    );
    const total = sweeps * (blocks.length + 1);
    return () => onProgress({ stage, done: ++done, total });
  };
  const onState = counter('cka', 1);
  const onStart = counter('trajectories', 2);

  const compared: [string, ComparedStream][] = [];
  for (const { id, of, count, heldOut: rows } of work) {
    const updated = blocks.map(({ updates }) => updates.includes(id));
    const along = probes.map((probe) => probe[id] ?? null);
    const compare = async (picked: readonly Float32Array[], rowCount: number): Promise<Similarity> => {
      clock.start('cka');
      const similarity = new StreamSimilarity(picked, rowCount, width, { updated });
      try {
        const cka = await similarity.compareStates(pace, onState);
        clock.start('trajectories');
        const trajectories = await similarity.followSurrogates(along, pace, onStart);
        return { rows: rowCount, cka, trajectories, bounds: null };
      } finally {
        similarity.dispose();
      }
    };
    const picked = () => of.map((state) => pickRows(state, width, rows));
    const heldOut = rows.length > 0 ? await compare(picked(), rows.length) : null;
    const resampled =
      judged && heldOut
        ? await resampleSimilarity(of, judged.someRows[id]!, width, judged.weightings, along, heldOut, pace, onStart)
        : null;
    const all = count > 0 ? await compare(of, count) : null;
    compared.push([id, { all, heldOut, resampled }]);
  }
  return Object.fromEntries(compared);
}
