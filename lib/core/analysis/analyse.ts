/**
 * One analysis from beginning to end: capture the states, or read them from a trace, and fit the probes block by block, compare
 * states, follow surrogates, detect with the default rule, and measure what the detected intervals cost, where there are
 * weights to measure it with. Reports progress per stage, hears its signal between steps, and keeps no tensors.
 *
 * States, probes and every finished piece are kept in a store. Where the store outlives the process, an analysis that was
 * interrupted goes on from what is finished, and gives the same report to the bit on the same engine. Whoever brings a store
 * brings one for this model, calibration, settings and engine alone.
 */
import { type Calibration, countsOf } from '../capture/index.ts';
import { DEFAULT_DETECTION, detectIntervals, readingProblem } from '../detection/index.ts';
import { type RunEdit, runEdits } from '../edit/index.ts';
import type { BlockInterval } from '../interval/index.ts';
import type { Transformer } from '../model/index.ts';
import type { AnalysisReport, Matrix, PerStream, Rows, StreamAnalysis } from '../report/report.ts';
import { REPORT_VERSION } from '../report/report.ts';
import { jsonPiece, memoryStates, putJson, type StateStore } from '../states/index.ts';
import { compareStreams } from './compare-streams.ts';
import { type DamageInputs, damageInputsOf, waysWithin } from './edit-damage.ts';
import { type FittedMaps, storedMaps } from './fitted-maps.ts';
import { type RowSplit, splitRows } from './held-out.ts';
import { DAMAGE_SAMPLES } from './held-out-inputs.ts';
import { judgedRows } from './judged-rows.ts';
import { Pace } from './pace.ts';
import { DEFAULT_RIDGE } from './probe.ts';
import { stateKey, sweepProbes } from './probe-sweep.ts';
import type { AnalysisProgress } from './progress.ts';
import { StageClock } from './stage-clock.ts';
import { comparePairs, type PairFigures } from './state-pairs.ts';
import { modelStates, type StatesSource } from './states-source.ts';
import { storedDamage } from './stored-damage.ts';
import { confidenceOf, streamAnalysis } from './stream-figures.ts';

export interface AnalyseOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: AnalysisProgress) => void;
  readonly ridge?: number;
  /** Where states and finished pieces outlive the process; by default they are in memory. The caller disposes it. */
  readonly store?: StateStore | undefined;
  /** States of batches and of ways that may wait on the engine; no limit by default. */
  readonly engineBytes?: number | undefined;
  /** Surrogates of one stream that may wait in memory; more than that wait in the store. */
  readonly surrogateBytes?: number | undefined;
  /** Between two checkpoints of the surrogates of a stream, at least; two minutes by default. */
  readonly checkpointMs?: number | undefined;
  readonly damage?: DamageBudget | undefined;
}

/** What the measurement of damage may cost. */
export interface DamageBudget {
  /** Held-out samples that go through the model for each edit. */
  readonly samples?: number | undefined;
  /** Of the detected intervals, those of the least direction error; all by default. Or these, detected or not. */
  readonly intervals?: number | readonly BlockInterval[] | undefined;
}

export interface Analysed {
  readonly analysis: Omit<AnalysisReport, 'model' | 'engine'>;
  /** For routes through the model and further measurements (`editDamage`); read from the store that the analysis was given. */
  readonly maps: FittedMaps;
}

const SURROGATE_BYTES = 2 ** 30;

export async function analyse(
  transformer: Transformer,
  calibration: Calibration,
  options: AnalyseOptions = {},
): Promise<Analysed> {
  return await analyseStates(modelStates(transformer, calibration), options);
}

/** Without damage where the source has no model. */
export async function analyseStates(
  source: StatesSource,
  {
    signal,
    onProgress = () => {},
    ridge = DEFAULT_RIDGE,
    store: lasting,
    engineBytes,
    surrogateBytes = SURROGATE_BYTES,
    checkpointMs,
    damage: budget = {},
  }: AnalyseOptions = {},
): Promise<Analysed> {
  const { samples: calibration, width, model } = source;
  const { blocks, stacks, streams: declared } = source.architecture;
  const store = source.storeOver(lasting ?? memoryStates());
  const pace = new Pace(signal);
  const split = splitRows(calibration);
  const judged = judgedRows(calibration, split);
  const clock = new StageClock();

  const sweep = { split, judged, ridge, store, lasts: lasting !== undefined, engineBytes, signal };
  const swept = await sweepProbes(source, sweep, pace, clock, onProgress);
  const maps = storedMaps(store, source.architecture, { width, fit: split.fit, ridge });

  const rows = countsOf(calibration.rows);
  const comparing = { ...sweep, rows, blocks, width, probes: maps, surrogateBytes, checkpointMs };
  const compared = await compareStreams(comparing, pace, clock, onProgress);
  const streams: PerStream<StreamAnalysis> = Object.fromEntries(
    declared.map(({ id }) => [
      id,
      streamAnalysis(
        swept.map(({ quality }) => quality[id] ?? null),
        compared[id]!,
        judged !== null && judged.weightings.resamples > 0,
      ),
    ]),
  );
  const confidence = judged && confidenceOf(judged, compared, blocks.length, stacks);

  clock.start('damage');
  const pairs = await storedOr(store, 'pairs', () => {
    const read = (stream: string, state: number, from: number, to: number) =>
      store.read(stateKey(stream, state), from, to);
    return comparePairs(read, blocks, width, heldOutOrAll(split), pace);
  });
  const report = { streams, model: { stacks, width } };
  // Where held-out tokens are too few to be read, all of them are what there is to choose.
  const readable: Rows = readingProblem(report, DEFAULT_DETECTION) ? 'all' : DEFAULT_DETECTION.rows;
  const detected = detectIntervals(report, { ...DEFAULT_DETECTION, rows: readable });
  const { intervals: wanted } = budget;
  const measurable = typeof wanted === 'object' ? wanted : leastDirected(detected, pairs.directionErrors, wanted);
  const samples = budget.samples ?? DAMAGE_SAMPLES;
  const damage = model
    ? await measuredDamage(model.transformer, damageInputsOf(model.calibration, maps, 'prompt-groups', samples), [
        ...runEdits(measurable, 'nothing'),
        ...runEdits(measurable, 'probes'),
      ])
    : [];
  clock.stop();

  return {
    analysis: {
      version: REPORT_VERSION,
      calibration: {
        ...calibration.facts,
        tokens: rows,
        fitTokens: countsOf(split.fit),
        heldOutTokens: countsOf(split.heldOut),
        ...(calibration.validTokens ? { validTokens: calibration.validTokens } : {}),
      },
      settings: {
        ridge,
        damageSamples: model ? samples : null,
        ...(calibration.tokenLimit ? { tokens: calibration.tokenLimit } : {}),
      },
      split: split.facts,
      bands: judged?.bands ?? [],
      confidence,
      streams,
      damage,
      ...pairs,
      parts: [],
      blockMs: swept.map(({ blockMs }) => blockMs),
      stagesMs: clock.stagesMs,
    },
    maps,
  };

  async function measuredDamage(transformer: Transformer, inputs: DamageInputs, edits: readonly RunEdit[]) {
    let [done, total] = [0, edits.length];
    const measured = await storedDamage(transformer, inputs, edits, store, {
      signal,
      waysAtOnce: waysWithin(engineBytes ?? Number.POSITIVE_INFINITY, inputs, transformer),
      onProgress(blocks, of) {
        [done, total] = [blocks, of];
        onProgress({ stage: 'damage', done, total });
      },
      onMeasured(index, { outputError }) {
        onProgress({ stage: 'damage', done, total, partial: { kind: 'damage', edit: edits[index]!, outputError } });
      },
    });
    return edits.map((edit, i) => ({ edit, ...measured[i]! }));
  }
}

async function storedOr(store: StateStore, key: string, make: () => Promise<PairFigures>): Promise<PairFigures> {
  const found = await jsonPiece<PairFigures>(store, key);
  if (found) return found;
  const made = await make();
  await putJson(store, key, made);
  return made;
}

/** The intervals whose first block alone comes nearest to the state after the last, in order of depth. */
function leastDirected(
  intervals: readonly BlockInterval[],
  errors: Matrix,
  most: number = intervals.length,
): readonly BlockInterval[] {
  const errorOf = ({ first, last }: BlockInterval) => errors[first]?.[last] ?? Number.POSITIVE_INFINITY;
  return intervals
    .toSorted((a, b) => errorOf(a) - errorOf(b))
    .slice(0, most)
    .sort((a, b) => a.first - b.first);
}

/** Held-out tokens, or all where none are held out. */
function heldOutOrAll({ heldOut, fit }: RowSplit): PerStream<Uint32Array> {
  return Object.fromEntries(
    Object.entries(heldOut).map(([stream, rows]) => [stream, rows.length > 0 ? rows : fit[stream]!]),
  );
}
