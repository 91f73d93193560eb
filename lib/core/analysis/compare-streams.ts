/**
 * CKA and trajectories of every stream: over its held-out tokens, over those of each noise band, over all tokens, and the
 * bounds of the first from resamples. States and probes are read from the store; what was compared of one stream is a
 * finished piece there, which is not computed again.
 */
import type { BlockSpec } from '../model/index.ts';
import type { PerStream, Similarity } from '../report/report.ts';
import type { StateStore } from '../states/index.ts';
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
}

export async function compareStreams(
  { store, rows, blocks, width, probes, judged }: Comparing,
  pace: Pace,
  clock: StageClock,
  onProgress: (progress: AnalysisProgress) => void,
): Promise<PerStream<ComparedStream>> {
  const work = Object.entries(rows).map(([id, count]) => {
    return { id, count, heldOut: (judged?.rows[id]?.rows ?? new Uint32Array()).toSorted() };
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
  /** The finished piece, or what `make` makes of it; a piece that was there counts its `sweeps` as done. */
  const piece = async (key: string, sweeps: number, make: () => Promise<ComparedRows>): Promise<ComparedRows> => {
    const found = await comparedPiece(store, key);
    if (found) {
      for (let state = 0; state <= blocks.length; state++) onState();
      for (let start = 0; start < sweeps * (blocks.length + 1); start++) onStart();
      return found;
    }
    const made = await make();
    await putCompared(store, key, made);
    return made;
  };

  const compared: [string, ComparedStream][] = [];
  for (const { id, count, heldOut } of work) {
    const updated = blocks.map(({ updates }) => updates.includes(id));
    const along = async () => (await probesOf(probes, blocks.keys())).map((probe) => probe[id] ?? null);
    const states = async () => {
      const of: Float32Array[] = [];
      for (let state = 0; state <= blocks.length; state++) of.push(await store.read(stateKey(id, state)));
      return of;
    };
    const compare = async (picked: readonly Float32Array[], rowCount: number): Promise<Similarity> => {
      clock.start('cka');
      const similarity = new StreamSimilarity(picked, rowCount, width, { updated });
      try {
        const cka = await similarity.compareStates(pace, onState);
        clock.start('trajectories');
        const trajectories = await similarity.followSurrogates(await along(), pace, onStart);
        return { rows: rowCount, cka, trajectories, bounds: null };
      } finally {
        similarity.dispose();
      }
    };
    const ofHeldOut =
      judged && heldOut.length > 0
        ? await piece(`similar/${id}-held-out`, 2, async () => {
            const of = await states();
            const similarity = await compare(
              of.map((state) => pickRows(state, width, heldOut)),
              heldOut.length,
            );
            const { someRows, weightings } = judged;
            const resampled = await resampleSimilarity(
              of,
              someRows[id]!,
              width,
              weightings,
              await along(),
              similarity,
              pace,
              onStart,
            );
            return { similarity, resampled };
          })
        : null;
    const ofAll =
      count > 0
        ? await piece(`similar/${id}-all`, 1, async () => ({
            similarity: await compare(await states(), count),
            resampled: null,
          }))
        : null;
    compared.push([
      id,
      {
        all: ofAll?.similarity ?? null,
        heldOut: ofHeldOut?.similarity ?? null,
        resampled: ofHeldOut?.resampled ?? null,
      },
    ]);
  }
  return Object.fromEntries(compared);
}
