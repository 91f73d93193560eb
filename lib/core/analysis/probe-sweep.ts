/**
 * The first sweep of an analysis: block after block, the sampled tokens' states are captured and stored, and the probe of the
 * block is fitted and judged while the states around it are at hand. A block is captured once its states are stored, and
 * finished once its figures are; a sweep that was interrupted continues behind both.
 */
import type { PerStream } from '../report/report.ts';
import { jsonPiece, putJson, putMatrix, type StateStore } from '../states/index.ts';
import { fitBlockProbe } from './fit-probes.ts';
import type { RowSplit } from './held-out.ts';
import type { JudgedRows } from './judged-rows.ts';
import type { Pace } from './pace.ts';
import type { WeightedProbeQuality } from './probe-bounds.ts';
import type { AnalysisProgress } from './progress.ts';
import type { StageClock } from './stage-clock.ts';
import type { SourceStates, StatesSource } from './states-source.ts';
import { putProbe } from './stored-probes.ts';

/** What is told of one block, and stored once its states and its probes are. */
export interface SweptBlock {
  /** Null where no block ran. */
  readonly blockMs: number | null;
  readonly quality: PerStream<WeightedProbeQuality | null>;
}

interface Sweep {
  readonly split: RowSplit;
  readonly judged: JudgedRows | null;
  readonly ridge: number;
  readonly store: StateStore;
  /** Whether what is stored outlives this process, and is worth a checkpoint. */
  readonly lasts: boolean;
  readonly engineBytes: number | undefined;
  readonly signal: AbortSignal | undefined;
}

export const stateKey = (stream: string, state: number) => `${stream}/${state - 1}`;
const blockKey = (block: number) => `swept/${block}`;
const capturedKey = (block: number) => `captured/${block}`;

export async function sweepProbes(
  source: StatesSource,
  { split, judged, ridge, store, lasts, engineBytes, signal }: Sweep,
  pace: Pace,
  clock: StageClock,
  onProgress: (progress: AnalysisProgress) => void,
): Promise<readonly SweptBlock[]> {
  const { width } = source;
  const { blocks, streams } = source.architecture;
  const total = blocks.length;
  const swept: SweptBlock[] = [];
  const tell = (block: number) => {
    const { quality } = swept[block]!;
    onProgress({ stage: 'capture', done: block + 1, total, partial: { kind: 'captured', block } });
    const r2 = Object.fromEntries(streams.map(({ id }) => [id, quality[id]?.r2 ?? null]));
    onProgress({ stage: 'probes', done: block + 1, total, partial: { kind: 'probe', block, r2 } });
  };
  for (const { index } of blocks) {
    const found = await finishedBlock(
      store,
      streams.map(({ id }) => id),
      index,
    );
    if (!found) break;
    swept.push(found);
    tell(index);
  }
  if (swept.length === total) return swept;

  // The state before the first block that is not finished is stored, or comes first.
  const ids = streams.map(({ id }) => id);
  const from = swept.length === 0 ? -1 : swept.length;
  let before = from < 0 ? null : await storedStates(store, ids, from - 1);
  clock.start('capture');
  const keep = async ({ index, states, blockMs }: SourceStates) => {
    for (const id of ids) await putMatrix(store, stateKey(id, index + 1), states[id]!, width);
    await putJson(store, capturedKey(index), { blockMs });
  };
  const statesFrom = async function* (): AsyncGenerator<SourceStates> {
    let next = from;
    for (; next < total; next++) {
      const captured = await capturedBlock(store, ids, next);
      if (!captured) break;
      yield captured;
    }
    if (next === total) return;
    // States of batches wait where states do; a checkpoint is of use only where it lasts.
    const checkpointEveryMs = lasts ? undefined : Number.POSITIVE_INFINITY;
    yield* source.states({ signal, from: next, engineBytes, store, keep, checkpointEveryMs });
  };
  for await (const { index, states, blockMs } of statesFrom()) {
    const block = blocks[index];
    if (before && block) {
      onProgress({ stage: 'capture', done: index + 1, total, partial: { kind: 'captured', block: index } });
      clock.start('probes');
      const input = before;
      const around = (id: string) => [input[id]!, states[id]!] as const;
      const { maps, quality } = await fitBlockProbe(block, streams, around, width, split, ridge, pace, judged);
      for (const { id } of streams) await putProbe(store, id, index, maps[id] ?? null);
      const finished = { blockMs, quality };
      await putJson(store, blockKey(index), {
        ...finished,
        probes: streams.flatMap(({ id }) => (maps[id] ? [id] : [])),
      });
      swept.push(finished);
      const r2 = Object.fromEntries(streams.map(({ id }) => [id, quality[id]?.r2 ?? null]));
      onProgress({ stage: 'probes', done: index + 1, total, partial: { kind: 'probe', block: index, r2 } });
      clock.start('capture');
    }
    before = states;
  }
  return swept;
}

/** Null where anything of it is missing, or damaged. */
async function finishedBlock(store: StateStore, streams: readonly string[], block: number): Promise<SweptBlock | null> {
  const found = await jsonPiece<SweptBlock & { readonly probes: readonly string[] }>(store, blockKey(block));
  if (!found) return null;
  const states = block === 0 ? [0, 1] : [block + 1];
  const keys = streams.flatMap((stream) => states.map((state) => stateKey(stream, state)));
  for (const key of [...keys, ...found.probes.map((stream) => `${stream}/probe-${block}`)]) {
    if (!(await store.shape(key))) return null;
  }
  return { blockMs: found.blockMs, quality: found.quality };
}

/** Null where not all of its states are stored. */
async function capturedBlock(
  store: StateStore,
  streams: readonly string[],
  index: number,
): Promise<SourceStates | null> {
  const found = await jsonPiece<Pick<SourceStates, 'blockMs'>>(store, capturedKey(index));
  if (!found) return null;
  for (const stream of streams) if (!(await store.shape(stateKey(stream, index + 1)))) return null;
  return { index, states: await storedStates(store, streams, index), blockMs: found.blockMs };
}

/** After block `index`; −1 is the embedded input. */
async function storedStates(
  store: StateStore,
  streams: readonly string[],
  index: number,
): Promise<PerStream<Float32Array>> {
  const states: [string, Float32Array][] = [];
  for (const stream of streams) states.push([stream, await store.read(stateKey(stream, index + 1))]);
  return Object.fromEntries(states);
}
