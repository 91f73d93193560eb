/**
 * One analysis from beginning to end: capture the states, fit and judge the probes, compare states, follow surrogates,
 * detect with the default rule, and measure what the detected intervals cost. Reports progress per stage, hears its signal
 * between steps, and keeps no tensors.
 */
import { type Calibration, captureStates } from '../capture/index.ts';
import { DEFAULT_DETECTION, detectIntervals, readingProblem } from '../detection/index.ts';
import { runEdits } from '../edit/index.ts';
import type { BlockSpec, StreamProbes, Transformer } from '../model/index.ts';
import type { AnalysisReport, Matrix, PerStream, Rows, StreamAnalysis } from '../report/report.ts';
import { REPORT_VERSION } from '../report/report.ts';
import { compareStreams, type States } from './compare-streams.ts';
import { directedRows, directionError } from './direction.ts';
import { damageInputsOf, editDamage } from './edit-damage.ts';
import { fitBlockProbe } from './fit-probes.ts';
import { type RowSplit, splitRows } from './held-out.ts';
import { DAMAGE_SAMPLES } from './held-out-inputs.ts';
import { judgedRows } from './judged-rows.ts';
import { Pace } from './pace.ts';
import { DEFAULT_RIDGE } from './probe.ts';
import type { AnalysisProgress } from './progress.ts';
import { blockProxies } from './proxies.ts';
import { StageClock } from './stage-clock.ts';
import { confidenceOf, streamAnalysis } from './stream-figures.ts';

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

export async function analyse(
  transformer: Transformer,
  calibration: Calibration,
  { signal, onProgress = () => {}, ridge = DEFAULT_RIDGE }: AnalyseOptions = {},
): Promise<Analysed> {
  const { numBlocks, width } = transformer.config;
  const { blocks, stacks, streams: declared } = transformer.architecture;
  const pace = new Pace(signal);
  const split = splitRows(calibration);
  const judged = judgedRows(calibration, split);
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
    const probe = await fitBlockProbe(block, declared, around, width, split, ridge, pace, judged);
    fitted.push(probe);
    const r2 = Object.fromEntries(declared.map(({ id }) => [id, probe.quality[id]?.r2 ?? null]));
    const partial = { kind: 'probe', block: block.index, r2 } as const;
    onProgress({ stage: 'probes', done: fitted.length, total: numBlocks, partial });
  }
  const probes = fitted.map(({ maps }) => maps);

  const compared = await compareStreams(states, { blocks, width, probes, judged }, pace, clock, onProgress);
  const streams: PerStream<StreamAnalysis> = Object.fromEntries(
    declared.map(({ id }) => [
      id,
      streamAnalysis(
        fitted.map(({ quality }) => quality[id] ?? null),
        compared[id]!,
        judged !== null && judged.weightings.resamples > 0,
      ),
    ]),
  );
  const confidence = judged && confidenceOf(judged, compared, numBlocks, stacks);

  clock.start('damage');
  const directionErrors = await allDirectionErrors(states, blocks, width, split, pace);
  const proxies = await blockProxies(states, blocks, width, heldOutOrAll(split), pace);
  const report = { streams, model: { stacks, width } };
  // Where held-out tokens are too few to be read, all of them are what there is to choose.
  const rows: Rows = readingProblem(report, DEFAULT_DETECTION) ? 'all' : DEFAULT_DETECTION.rows;
  const detected = detectIntervals(report, { ...DEFAULT_DETECTION, rows });
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
      bands: judged?.bands ?? [],
      confidence,
      streams,
      damage,
      directionErrors,
      proxies,
      parts: [],
      blockMs,
      stagesMs: clock.stagesMs,
    },
    probes,
  };
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
  const after = Object.fromEntries(
    Object.entries(states).map(([stream, of]) => {
      const rows = heldOut[stream]!.length > 0 ? heldOut[stream]! : fit[stream]!;
      return [stream, of.slice(1).map((state) => directedRows(state, width, rows))];
    }),
  );
  for (let first = 0; first < blocks.length; first++) {
    for (let last = first + 1; last < blocks.length; last++) {
      let sum = 0;
      for (const stream of blocks[last]!.updates) {
        sum += directionError(after[stream]![first]!, after[stream]![last]!, width);
      }
      errors[first]![last] = sum;
      await pace.breathe();
    }
  }
  return errors;
}

/** Held-out tokens, or all where none are held out. */
function heldOutOrAll({ heldOut, fit }: RowSplit): PerStream<Uint32Array> {
  return Object.fromEntries(
    Object.entries(heldOut).map(([stream, rows]) => [stream, rows.length > 0 ? rows : fit[stream]!]),
  );
}

function tokenCounts({ rows }: Calibration, { fit, heldOut }: RowSplit) {
  const count = (of: PerStream<Uint32Array>): PerStream<number> =>
    Object.fromEntries(Object.entries(of).map(([stream, values]) => [stream, values.length]));
  return { tokens: count(rows), fitTokens: count(fit), heldOutTokens: count(heldOut) };
}
