/**
 * One analysis from beginning to end: capture the states, fit and judge the probes, compare states, follow surrogates,
 * detect with the default rule, and measure what the detected intervals cost. Reports progress per stage, hears its signal
 * between steps, and keeps no tensors: what it returns can measure further intervals on any engine.
 */
import { type Calibration, captureStates } from '../capture/index.ts';
import { DEFAULT_DETECTION, detectIntervals } from '../detection/index.ts';
import type { BlockInterval } from '../interval/interval.ts';
import { type AffineMap, type BlockSpec, type StreamProbes, seamsOf, type Transformer } from '../model/index.ts';
import type { AnalysisReport, IntervalDamage, Stream, StreamAnalysis } from '../report/report.ts';
import { REPORT_VERSION, STREAMS } from '../report/report.ts';
import { directionError } from './direction.ts';
import { HELD_OUT_SHARE, type RowSplit, splitRows } from './held-out.ts';
import { inputsOfSamples } from './held-out-inputs.ts';
import { outputErrors } from './output-errors.ts';
import { Pace } from './pace.ts';
import { asAffineMap, DEFAULT_RIDGE, fitProbe, measureProbe } from './probe.ts';
import type { AnalysisProgress, AnalysisStage } from './progress.ts';
import { StreamSimilarity } from './similarity.ts';

/** Samples that go through the whole model for each measured interval. */
const DAMAGE_SAMPLES = 8;

export interface AnalyseOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: AnalysisProgress) => void;
  readonly ridge?: number;
}

export interface EvaluateOptions {
  readonly signal?: AbortSignal;
  /** Blocks done, of all batches. */
  readonly onProgress?: (done: number, total: number) => void;
  /** The same model on another engine; by default the transformer that was analysed. */
  readonly transformer?: Transformer;
}

export interface Analysed {
  readonly analysis: Omit<AnalysisReport, 'model' | 'engine'>;
  /** One per block, for routes through the model. */
  readonly probes: readonly StreamProbes[];
  /** Damage of further intervals, each taken alone, on any engine: nothing here holds tensors. */
  evaluate(intervals: readonly BlockInterval[], options?: EvaluateOptions): Promise<IntervalDamage[]>;
}

/** States of one stream, [n, d] each: the embedded input, then after each block. */
type States = Readonly<Record<Stream, Float32Array[]>>;

export async function analyse(
  transformer: Transformer,
  calibration: Calibration,
  { signal, onProgress = () => {}, ridge = DEFAULT_RIDGE }: AnalyseOptions = {},
): Promise<Analysed> {
  const { numBlocks, width } = transformer.config;
  const { blocks } = transformer.architecture;
  const pace = new Pace(signal);
  const split = splitRows(calibration.rows);
  const clock = new StageClock();

  clock.start('capture');
  const states: States = { image: [], text: [] };
  const blockMs: number[] = [];
  for await (const { index, image, text, blockMs: durationMs } of captureStates(transformer, calibration, { signal })) {
    states.image.push(image);
    states.text.push(text);
    if (index < 0) continue;
    blockMs.push(durationMs);
    onProgress({ stage: 'capture', done: index + 1, total: numBlocks, partial: { kind: 'captured', block: index } });
  }

  clock.start('probes');
  const fitted = await fitProbes(states, blocks, width, split, ridge, pace, onProgress);
  const probes: StreamProbes[] = Array.from({ length: numBlocks }, (_, block) => ({
    image: fitted.image[block]?.map ?? null,
    text: fitted.text[block]?.map ?? null,
  }));

  const similarities = await compareStreams(states, blocks, calibration, width, probes, pace, clock, onProgress);
  const streams = { image: streamAnalysis('image'), text: streamAnalysis('text') };
  function streamAnalysis(stream: Stream): StreamAnalysis {
    const quality = fitted[stream];
    return {
      probeR2: quality.map(({ r2 }) => r2),
      probeError: quality.map(({ error }) => error),
      ...similarities[stream],
    };
  }

  clock.start('damage');
  const directions = await directionErrors(states, blocks, width, split, pace);
  const batches = inputsOfSamples(calibration, split.heldOutSamples, DAMAGE_SAMPLES);
  const damageInputs = { batches, probes, wholeOutputs: [] };
  const evaluate: Analysed['evaluate'] = async (intervals, options = {}) => {
    const model = options.transformer ?? transformer;
    const total = numBlocks * batches.length;
    let done = 0;
    const onBlock = () => options.onProgress?.(++done, total);
    const errors = await outputErrors(model, damageInputs, intervals, new Pace(options.signal), onBlock);
    return intervals.map(({ first, last }, i) => ({
      first,
      last,
      removedError: errors[i]!.removed,
      probedError: errors[i]!.probed,
      directionError: directions[first]?.[last] ?? 0,
    }));
  };
  const seams = seamsOf(transformer.architecture);
  const detected = detectIntervals({ streams, model: { seams } }, DEFAULT_DETECTION);
  const damage = await evaluate(detected, {
    ...(signal && { signal }),
    onProgress: (done, total) => onProgress({ stage: 'damage', done, total }),
  });
  clock.stop();

  return {
    analysis: {
      version: REPORT_VERSION,
      calibration: { ...calibration.facts, ...tokenCounts(calibration, split) },
      settings: { ridge, heldOutShare: HELD_OUT_SHARE },
      streams,
      damage,
      blockMs,
      stagesMs: clock.stagesMs,
    },
    probes,
    evaluate,
  };
}

interface BlockProbe {
  readonly map: AffineMap | null;
  readonly r2: number | null;
  readonly error: number | null;
}

async function fitProbes(
  states: States,
  blocks: readonly BlockSpec[],
  width: number,
  split: RowSplit,
  ridge: number,
  pace: Pace,
  onProgress: (progress: AnalysisProgress) => void,
): Promise<Record<Stream, BlockProbe[]>> {
  const fitted: Record<Stream, BlockProbe[]> = { image: [], text: [] };
  const numBlocks = blocks.length;
  for (const { index: block, updates } of blocks) {
    for (const stream of STREAMS) {
      if (!updates.includes(stream)) {
        fitted[stream].push({ map: null, r2: null, error: null });
        continue;
      }
      const data = { input: states[stream][block]!, output: states[stream][block + 1]!, width };
      const probe = await fitProbe({ ...data, rows: split.fit[stream] }, ridge, pace);
      const quality = probe
        ? await measureProbe(probe, { ...data, rows: split.heldOut[stream] }, pace)
        : { r2: null, error: null };
      fitted[stream].push({ map: probe && asAffineMap(probe), ...quality });
      await pace.breathe();
    }
    const r2 = { image: fitted.image[block]!.r2, text: fitted.text[block]!.r2 };
    onProgress({ stage: 'probes', done: block + 1, total: numBlocks, partial: { kind: 'probe', block, r2 } });
  }
  return fitted;
}

/** CKA of both streams, then their trajectories. */
async function compareStreams(
  states: States,
  blocks: readonly BlockSpec[],
  calibration: Calibration,
  width: number,
  probes: readonly StreamProbes[],
  pace: Pace,
  clock: StageClock,
  onProgress: (progress: AnalysisProgress) => void,
): Promise<Record<Stream, Pick<StreamAnalysis, 'cka' | 'trajectories'>>> {
  const counter = (stage: AnalysisStage) => {
    let done = 0;
    const total = STREAMS.length * states.image.length;
    return () => onProgress({ stage, done: ++done, total });
  };
  const of = (stream: Stream) => {
    const updated = blocks.map(({ updates }) => updates.includes(stream));
    return new StreamSimilarity(states[stream], calibration.rows[stream].length, width, { updated });
  };
  const similarity = { image: of('image'), text: of('text') };
  const along = (stream: Stream) => probes.map((probe) => probe[stream]);
  try {
    clock.start('cka');
    const onRow = counter('cka');
    const imageCka = await similarity.image.compareStates(pace, onRow);
    const textCka = await similarity.text.compareStates(pace, onRow);
    clock.start('trajectories');
    const onStart = counter('trajectories');
    return {
      image: { cka: imageCka, trajectories: await similarity.image.followSurrogates(along('image'), pace, onStart) },
      text: { cka: textCka, trajectories: await similarity.text.followSurrogates(along('text'), pace, onStart) },
    };
  } finally {
    similarity.image.dispose();
    similarity.text.dispose();
  }
}

/** `[first][last]` of every pair of blocks, summed over the streams that `last` updates, on held-out tokens (on all where none are held out). */
async function directionErrors(
  states: States,
  blocks: readonly BlockSpec[],
  width: number,
  { heldOut, fit }: RowSplit,
  pace: Pace,
): Promise<number[][]> {
  const numBlocks = blocks.length;
  const errors = Array.from({ length: numBlocks }, () => new Array<number>(numBlocks).fill(0));
  for (let first = 0; first < numBlocks; first++) {
    for (let last = first + 1; last < numBlocks; last++) {
      for (const stream of blocks[last]!.updates) {
        const rows = heldOut[stream].length > 0 ? heldOut[stream] : fit[stream];
        errors[first]![last]! += directionError(states[stream][first + 1]!, states[stream][last + 1]!, width, rows);
      }
      await pace.breathe();
    }
  }
  return errors;
}

function tokenCounts({ rows }: Calibration, { fit, heldOut }: RowSplit) {
  const count = (of: Readonly<Record<Stream, Uint32Array>>) => ({ image: of.image.length, text: of.text.length });
  return { tokens: count(rows), fitTokens: count(fit), heldOutTokens: count(heldOut) };
}

/** Wall time per stage. */
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
    if (this.#stage) this.stagesMs[this.#stage] = performance.now() - this.#startedAt;
    this.#stage = null;
  }
}
