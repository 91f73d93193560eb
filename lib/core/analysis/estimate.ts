/**
 * What an analysis will take, from a short measurement on this machine: one block read and run on one batch, one probe fitted
 * and a few surrogates followed on noise of the size that the analysis has. Its limits say how much may wait on the engine and
 * in memory; where the memory that is allowed is too little, it is refused with the least that would do.
 */
import { type Calibration, countsOf, passBytes } from '../capture/index.ts';
import { type Ablated, ablationWork, areReadable, WAYS_PER_READING } from '../detection/index.ts';
import { ContiguaError } from '../errors.ts';
import type { BlockInterval } from '../interval/index.ts';
import { disposeState, streamTokens, type Transformer, weightsStay } from '../model/index.ts';
import type { PerStream } from '../report/report.ts';
import { FLOAT_BYTES, shownBytes } from '../states/index.ts';
import type { DamageBudget } from './analyse.ts';
import { bytesOfRows, figureBytes, measureFigures, secondsOf } from './estimate-figures.ts';
import { splitRows } from './held-out.ts';
import { DAMAGE_SAMPLES } from './held-out-inputs.ts';
import { judgedRows } from './judged-rows.ts';
import { Pace } from './pace.ts';

/** How much of what waits may wait where; the rest waits in the store. */
export interface AnalysisLimits {
  readonly engineBytes: number;
  readonly surrogateBytes: number;
}

export interface AnalysisEstimate {
  readonly tokens: PerStream<number>;
  /** Seconds of each part. */
  readonly seconds: {
    readonly weights: number;
    readonly forward: number;
    readonly probes: number;
    readonly similarity: number;
    readonly damage: number;
  };
  readonly damage: {
    /** Intervals, each measured twice: with nothing and with probes in place of its blocks. */
    readonly intervals: number;
    readonly samples: number;
    readonly secondsPerInterval: number;
  };
  /** What is taken out besides, each by itself; absent where nothing was asked for. */
  readonly ablation?: {
    readonly ways: number;
    readonly seconds: number;
    /** Read of the model. */
    readonly readBytes: number;
  };
  /** Read of the model, as it is stored, without what an ablation reads. */
  readonly readBytes: number;
  /** States, probes and what waits, in files or in memory. */
  readonly storedBytes: number;
  /** At its peak, of the whole process. */
  readonly memoryBytes: number;
  readonly limits: AnalysisLimits;
}

/** Bytes of the process. */
export interface MemoryMeter {
  now(): number;
  /** Null where what was used since fitted into what had been freed before. */
  peak(): number | null;
  /** What the process holds and never gives back, in use or not. */
  taken?(): number;
}

export interface EstimateOptions {
  readonly signal?: AbortSignal | undefined;
  /** Memory that the process may take at its peak. */
  readonly memoryBytes: number;
  /** Whether states are kept in files; else they are in memory. */
  readonly inFiles: boolean;
  readonly damage?: DamageBudget | undefined;
  /** What will be measured after the analysis, list by list. */
  readonly ablations?: readonly Ablated[] | undefined;
  /** Of all blocks together, as the model stores them. */
  readonly blockBytes: number;
  /** Null where a process cannot tell. */
  readonly meter: MemoryMeter | null;
}

/** Of all blocks, those that the default rule detects: 7 of 16 and 20 to 26 of 60 on the models that were looked at. */
const BLOCKS_PER_INTERVAL = 2.3;
/** A worker with an engine and no model. */
export const BASE_BYTES = 300e6;

/** Rejects with `too-large` where `memoryBytes` is too little. */
export async function estimateAnalysis(
  transformer: Transformer,
  calibration: Calibration,
  { signal, memoryBytes, inFiles, damage = {}, ablations = [], blockBytes, meter }: EstimateOptions,
): Promise<AnalysisEstimate> {
  const { architecture, config } = transformer;
  const { blocks, streams } = architecture;
  const { width, numBlocks } = config;
  const pace = new Pace(signal);
  const split = splitRows(calibration);
  const judged = judgedRows(calibration, split);
  const before = meter?.now() ?? BASE_BYTES;

  const forward = await measureBlock(transformer, calibration, pace);
  const of = { blocks, streams, width, rows: countsOf(calibration.rows), split, judged };
  const figures = await measureFigures(of, pace);
  transformer.releaseBlocks();
  const measuredPeak = meter?.peak() ?? before + largestBlock(transformer) * 1.6;

  const samples = Math.min(damage.samples ?? DAMAGE_SAMPLES, Math.max(1, split.heldOutSamples.length));
  const { intervals: wanted = Math.ceil(numBlocks / BLOCKS_PER_INTERVAL) } = damage;
  // Of too few tokens no intervals are read: then those alone are measured that are named.
  const readable = areReadable(
    streams.map(({ id }) => ({ fitted: split.fit[id]!.length, heldOut: split.heldOut[id]!.length })),
    width,
  );
  const intervals = typeof wanted === 'object' ? wanted.length : readable ? wanted : 0;
  const all = passBytes(calibration, streams, width);
  const stateBytes = all * (samples / calibration.levels.length);
  const rowBytes = bytesOfRows(of);
  const kept = rowBytes * (numBlocks + 1) + figureBytes(of);
  const { surrogateBytes: surrogates } = figures;

  // While a block runs: what was measured, the rows before and after it, and the states of all batches.
  const running = measuredPeak + 3 * rowBytes;
  // While states are compared: no block's weights.
  const comparing = before + figures.comparedBytes;
  const inMemory = inFiles ? 0 : kept;
  const batchBytes = largestBatchBytes(transformer, calibration);
  const least = inFiles
    ? Math.max(running + 2 * batchBytes, comparing + surrogates / numBlocks)
    : Math.max(running + all + inMemory, comparing + inMemory + surrogates);
  if (least > memoryBytes) throw tooLittle(memoryBytes, least);

  const room = memoryBytes - running - inMemory;
  const spills = all > room;
  const engineBytes = Math.max(0, room);
  const surrogateBytes = Math.max(0, memoryBytes - comparing - inMemory);
  const waysAtOnce = Math.max(1, Math.floor(room / stateBytes) - 1);
  const turns = Math.ceil((2 * intervals) / waysAtOnce);
  const readings = weightsStay(transformer) ? 0 : turns;
  const readSeconds = forward.readSeconds * numBlocks;
  // What a way takes out or replaces costs next to nothing.
  const wayBlocks = blocksAfter(wanted, numBlocks) * samples;
  const secondsPerInterval = 2 * wayBlocks * forward.sampleSeconds;
  // At most: from the second turn on it runs until the last way has left it.
  const whole = turns * numBlocks * samples * forward.sampleSeconds + readings * readSeconds;
  return {
    tokens: of.rows,
    seconds: {
      weights: readSeconds,
      forward: forward.sampleSeconds * calibration.levels.length * numBlocks,
      probes: figures.probesSeconds,
      similarity: figures.similaritySeconds,
      damage: whole + intervals * secondsPerInterval,
    },
    damage: { intervals, samples, secondsPerInterval },
    ...(ablations.length > 0 ? { ablation: ablationOf(ablations) } : {}),
    readBytes: blockBytes * (1 + readings),
    storedBytes:
      kept + (inFiles ? Math.max(2 * all, Math.max(0, surrogates - surrogateBytes) + figures.checkpointBytes) : 0),
    memoryBytes: Math.max(
      meter?.taken?.() ?? 0,
      running + inMemory + (spills ? 2 * batchBytes : all),
      comparing + inMemory + Math.min(surrogates, surrogateBytes),
      intervals > 0 ? measuredPeak + inMemory + stateBytes * (1 + Math.min(waysAtOnce, 2 * intervals)) : 0,
    ),
    limits: { engineBytes, surrogateBytes },
  };

  function ablationOf(lists: readonly Ablated[]) {
    const blockMs = Array<number>(numBlocks).fill(1000 * forward.sampleSeconds);
    const staying = weightsStay(transformer);
    const atOnce = staying ? waysAtOnce : Math.min(WAYS_PER_READING, waysAtOnce);
    const works = lists.map((list) => ablationWork(list, blockMs, atOnce));
    const readings = staying ? 0 : works.reduce((sum, { turns }) => sum + turns, 0);
    // The map of a run of two blocks is the probe of the second.
    const fitted = lists
      .flatMap(({ edits }) => edits)
      .filter(({ first, last, by }) => by === 'linear' && last > first + 1);
    return {
      ways: works.reduce((sum, { ways }) => sum + ways, 0),
      seconds:
        (samples * works.reduce((sum, { forwardMs }) => sum + forwardMs, 0)) / 1000 +
        readings * readSeconds +
        (fitted.length * figures.probesSeconds) / numBlocks,
      readBytes: readings * blockBytes,
    };
  }
}

/**
 * Of one block: to read it, and to run it on one sample. The second block is read as it is in an analysis, begun while the
 * first one runs and after that one's weights went: so the peak of memory shows too. It is run at most `most` times.
 */
export async function measureBlock(
  transformer: Transformer,
  { batches }: Calibration,
  pace: Pace,
  most = 4,
): Promise<{ readonly readSeconds: number; readonly sampleSeconds: number }> {
  const inputs = batches[0]!;
  const firstReadSeconds = await secondsOf(() => transformer.loadBlock(0));
  transformer.prefetchBlock(1);
  await pace.rest();
  const { state, context } = await transformer.begin(inputs);
  const run = async () => {
    const next = await transformer.runBlock(0, state, context);
    await Promise.all(Object.values(next).map((x) => x.data()));
    disposeState(next);
  };
  try {
    // The first run of an engine also prepares its kernels.
    let seconds = await secondsOf(run);
    for (let again = 0; again < most - 1 && seconds < (again === 0 ? 20 : 2); again++) {
      await pace.rest();
      seconds = Math.min(seconds, await secondsOf(run));
    }
    await pace.rest();
    const hasNext = transformer.config.numBlocks > 1;
    const readSeconds = hasNext ? await secondsOf(() => transformer.loadBlock(1)) : firstReadSeconds;
    return { readSeconds, sampleSeconds: seconds / inputs.batch };
  } finally {
    disposeState(state);
    transformer.disposeContext(context);
  }
}

/** Blocks that the ways of an interval run after it, on the average: half of all where intervals are not named. */
function blocksAfter(wanted: number | readonly BlockInterval[], numBlocks: number): number {
  if (typeof wanted === 'number' || wanted.length === 0) return numBlocks / 2;
  return wanted.reduce((sum, { last }) => sum + (numBlocks - 1 - last), 0) / wanted.length;
}

export function largestBlock({ architecture }: Transformer): number {
  return FLOAT_BYTES * Math.max(...architecture.blocks.map(({ parameters }) => parameters));
}

/** Of one batch's states. */
export function largestBatchBytes(transformer: Transformer, { batches }: Calibration): number {
  return FLOAT_BYTES * transformer.config.width * Math.max(...batches.map((inputs) => tokensOf(inputs, transformer)));
}

function tokensOf(inputs: Calibration['batches'][number], { architecture }: Transformer): number {
  return architecture.streams.reduce((sum, stream) => sum + inputs.batch * streamTokens(inputs, stream), 0);
}

/** With the least that would do. `isChosen`: the samples are, and not those of a trace. */
export function tooLittle(allowed: number, least: number, isChosen = true): ContiguaError {
  return new ContiguaError('too-large', 'The analysis does not fit the memory that is allowed', {
    found: `${shownBytes(allowed)} allowed`,
    expected: `at least ${shownBytes(least)}`,
    hint: `Allow more memory, or analyse fewer tokens${isChosen ? ', or fewer or smaller samples' : ''}.`,
  });
}
