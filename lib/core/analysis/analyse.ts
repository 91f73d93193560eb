/**
 * One analysis from beginning to end: capture the states, fit and judge the probes, compare states, follow surrogates,
 * detect with the default rule, and measure what the detected intervals cost. Reports progress per stage, hears its signal
 * between steps, and keeps no tensors.
 */
import { type Calibration, captureStates } from '../capture/index.ts';
import { DEFAULT_DETECTION, detectIntervals } from '../detection/index.ts';
import { runEdits } from '../edit/index.ts';
import type { BlockSpec, StreamProbes, Transformer } from '../model/index.ts';
import type { AnalysisReport, Matrix, PerStream, Rows, Similarity, StreamAnalysis } from '../report/report.ts';
import { REPORT_VERSION } from '../report/report.ts';
import { directionError } from './direction.ts';
import { damageInputsOf, editDamage } from './edit-damage.ts';
import { fitBlockProbe } from './fit-probes.ts';
import { type RowSplit, splitRows } from './held-out.ts';
import { DAMAGE_SAMPLES } from './held-out-inputs.ts';
import { Pace } from './pace.ts';
import { DEFAULT_RIDGE } from './probe.ts';
import type { AnalysisProgress, AnalysisStage } from './progress.ts';
import { StreamSimilarity } from './similarity.ts';

export interface AnalyseOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: AnalysisProgress) => void;
  readonly ridge?: number;
}

export interface Analysed {
  readonly analysis: Omit<AnalysisReport, 'model' | 'engine'>;
  /** One per block, for routes through the model and further measurements (`editDamage`). */
  readonly probes: readonly StreamProbes[];
}

/** States of every stream, [n, d] each: the embedded input, then after each block. */
type States = PerStream<Float32Array[]>;

export async function analyse(
  transformer: Transformer,
  calibration: Calibration,
  { signal, onProgress = () => {}, ridge = DEFAULT_RIDGE }: AnalyseOptions = {},
): Promise<Analysed> {
  const { numBlocks, width } = transformer.config;
  const { blocks, stacks, streams: declared } = transformer.architecture;
  const pace = new Pace(signal);
  const split = splitRows(calibration);
  const clock = new StageClock();

  clock.start('capture');
  const states: States = Object.fromEntries(declared.map(({ id }) => [id, []]));
  const blockMs: number[] = [];
  for await (const captured of captureStates(transformer, calibration, { signal })) {
    for (const { id } of declared) states[id]!.push(captured.states[id]!);
    if (captured.index < 0) continue;
    blockMs.push(captured.blockMs);
    const partial = { kind: 'captured', block: captured.index } as const;
    onProgress({ stage: 'capture', done: blockMs.length, total: numBlocks, partial });
  }

  clock.start('probes');
  const fitted: Awaited<ReturnType<typeof fitBlockProbe>>[] = [];
  for (const block of blocks) {
    const around = (id: string) => [states[id]![block.index]!, states[id]![block.index + 1]!] as const;
    const probe = await fitBlockProbe(block, declared, around, width, split, ridge, pace);
    fitted.push(probe);
    const partial = { kind: 'probe', block: block.index, r2: probe.r2 } as const;
    onProgress({ stage: 'probes', done: fitted.length, total: numBlocks, partial });
  }
  const probes = fitted.map(({ maps }) => maps);

  const similarities = await compareStreams(states, blocks, split, width, probes, pace, clock, onProgress);
  const streams: PerStream<StreamAnalysis> = Object.fromEntries(
    declared.map(({ id }) => [
      id,
      {
        probeR2: fitted.map(({ r2 }) => r2[id] ?? null),
        probeError: fitted.map(({ error }) => error[id] ?? null),
        probeBounds: null,
        similarity: similarities[id]!,
        bands: [],
      },
    ]),
  );

  clock.start('damage');
  const directionErrors = await allDirectionErrors(states, blocks, width, split, pace);
  const detected = detectIntervals({ streams, model: { stacks } }, DEFAULT_DETECTION);
  const damage = await editDamage(
    transformer,
    damageInputsOf(calibration, probes),
    [...runEdits(detected, 'nothing'), ...runEdits(detected, 'probes')],
    { signal, onProgress: (done, total) => onProgress({ stage: 'damage', done, total }) },
  );
  clock.stop();

  return {
    analysis: {
      version: REPORT_VERSION,
      calibration: { ...calibration.facts, ...tokenCounts(calibration, split) },
      settings: { ridge, damageSamples: DAMAGE_SAMPLES },
      split: split.facts,
      bands: [],
      confidence: null,
      streams,
      damage,
      directionErrors,
      proxies: null,
      parts: [],
      blockMs,
      stagesMs: clock.stagesMs,
    },
    probes,
  };
}

/** CKA of every stream over held-out tokens and over all, then their trajectories. */
async function compareStreams(
  states: States,
  blocks: readonly BlockSpec[],
  split: RowSplit,
  width: number,
  probes: readonly StreamProbes[],
  pace: Pace,
  clock: StageClock,
  onProgress: (progress: AnalysisProgress) => void,
): Promise<PerStream<Record<Rows, Similarity | null>>> {
  const compared: Record<string, Record<Rows, Similarity | null>> = Object.fromEntries(
    Object.keys(states).map((stream) => [stream, { 'held-out': null, all: null }]),
  );
  const parts = Object.keys(states).flatMap((stream) =>
    ROWS.map((over) => ({ stream, over, rows: rowsOf(split, stream, over) })).filter(({ rows }) => rows.length > 0),
  );
  const counter = (stage: AnalysisStage) => {
    let done = 0;
    const total = parts.length * (blocks.length + 1);
    return () => onProgress({ stage, done: ++done, total });
  };
  const onRow = counter('cka');
  const onStart = counter('trajectories');
  for (const { stream, over, rows } of parts) {
    const updated = blocks.map(({ updates }) => updates.includes(stream));
    const along = probes.map((probe) => probe[stream] ?? null);
    const picked = over === 'all' ? states[stream]! : states[stream]!.map((state) => pickRows(state, width, rows));
    const similarity = new StreamSimilarity(picked, rows.length, width, { updated });
    try {
      clock.start('cka');
      const cka = await similarity.compareStates(pace, onRow);
      clock.start('trajectories');
      const trajectories = await similarity.followSurrogates(along, pace, onStart);
      compared[stream]![over] = { rows: rows.length, cka, trajectories, bounds: null };
    } finally {
      similarity.dispose();
    }
  }
  return compared;
}

const ROWS = ['held-out', 'all'] as const satisfies readonly Rows[];

/** Ascending; none held out where the calibration has one sample alone. */
function rowsOf({ fit, heldOut }: RowSplit, stream: string, rows: Rows): Uint32Array {
  return rows === 'held-out' ? heldOut[stream]! : Uint32Array.from([...fit[stream]!, ...heldOut[stream]!]).sort();
}

/** [rows, width] of `state`, a copy. */
function pickRows(state: Float32Array, width: number, rows: Uint32Array): Float32Array {
  const picked = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    picked.set(state.subarray(row * width, (row + 1) * width), i * width);
  });
  return picked;
}

/**
 * `[u][k]` of every pair u < k, summed over the streams that block k updates, on held-out tokens (on all where none are
 * held out).
 */
async function allDirectionErrors(
  states: States,
  blocks: readonly BlockSpec[],
  width: number,
  { heldOut, fit }: RowSplit,
  pace: Pace,
): Promise<Matrix> {
  const errors = blocks.map(() => new Array<number | null>(blocks.length).fill(null));
  for (let first = 0; first < blocks.length; first++) {
    for (let last = first + 1; last < blocks.length; last++) {
      let sum = 0;
      for (const stream of blocks[last]!.updates) {
        const rows = heldOut[stream]!.length > 0 ? heldOut[stream]! : fit[stream]!;
        sum += directionError(states[stream]![first + 1]!, states[stream]![last + 1]!, width, rows);
      }
      errors[first]![last] = sum;
      await pace.breathe();
    }
  }
  return errors;
}

function tokenCounts({ rows }: Calibration, { fit, heldOut }: RowSplit) {
  const count = (of: PerStream<Uint32Array>): PerStream<number> =>
    Object.fromEntries(Object.entries(of).map(([stream, values]) => [stream, values.length]));
  return { tokens: count(rows), fitTokens: count(fit), heldOutTokens: count(heldOut) };
}

/** Wall time per stage, which may come more than once. */
class StageClock {
  readonly stagesMs: Record<string, number> = {};
  #stage: AnalysisStage | null = null;
  #startedAt = 0;

  start(stage: AnalysisStage): void {
    this.stop();
    this.#stage = stage;
    this.#startedAt = performance.now();
  }

  stop(): void {
    if (this.#stage) {
      this.stagesMs[this.#stage] = (this.stagesMs[this.#stage] ?? 0) + performance.now() - this.#startedAt;
    }
    this.#stage = null;
  }
}
