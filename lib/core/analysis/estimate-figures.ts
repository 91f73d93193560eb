/**
 * What figures of states take, from a short measurement on noise: one block's probes fitted, and a few surrogates followed, at the
 * size that the analysis has. Nothing of a model is run: an analysis of a trace takes no more than this and the reading of its file.
 */
import type { BlockSpec, ModelStream } from '../model/index.ts';
import { seededRandom } from '../random.ts';
import type { PerStream } from '../report/report.ts';
import { FLOAT_BYTES } from '../states/index.ts';
import { type ComparedSize, comparedSize, sharedSize, timedSweeps } from './compared-size.ts';
import { sweepGrams } from './gram-sweep.ts';
import type { RowSplit } from './held-out.ts';
import type { JudgedRows } from './judged-rows.ts';
import type { Pace } from './pace.ts';
import { asAffineMap, fitProbe } from './probe.ts';
import { weightedProbeQuality } from './probe-bounds.ts';
import { sumProbeErrors } from './probe-quality.ts';
import { sweepShared } from './shared-sweep.ts';
import { isOneSweep } from './similarity-form.ts';
import { checkpointsBytes } from './sweep-checkpoint.ts';

export interface FiguresOf {
  readonly blocks: readonly BlockSpec[];
  readonly streams: readonly ModelStream[];
  readonly width: number;
  readonly rows: PerStream<number>;
  readonly split: RowSplit;
  readonly judged: JudgedRows | null;
}

export interface MeasuredFigures {
  readonly probesSeconds: number;
  readonly similaritySeconds: number;
  /** While states are compared, at most, without surrogates. */
  readonly comparedBytes: number;
  /** Surrogates of all starts that wait for the next probe, at most. */
  readonly surrogateBytes: number;
  /** Of checkpoints in files; 0 where no sweep is long enough for one. */
  readonly checkpointBytes: number;
}

/** Of a state that is compared or advanced, in the process and on the engine. */
const STATE_COPIES = 6;
/** Of a pair of blocks and a stream: some 70 numbers as JSON, of CKA and trajectories, their bounds and those of noise bands. */
const RESULT_BYTES = 1250;

/** Of fitted rows, as one sweep advances for held-out and all rows (shared-sweep.ts): one to five on the models that were looked at. */
const [FITTED_SETS, MOST_FITTED_SETS] = [2, 5];

export async function measureFigures(of: FiguresOf, pace: Pace): Promise<MeasuredFigures> {
  const { blocks, streams, width, rows: counts, split, judged } = of;
  let [probesSeconds, similaritySeconds, checkpointBytes] = [0, 0, 0];
  const compared: ComparedSize[] = [];
  for (const { id } of streams) {
    const [fit, heldOut] = [split.fit[id]!.length, split.heldOut[id]!.length];
    if (fit > 0)
      probesSeconds += updatesOf(of, id) * (await steadySeconds(probeOnNoise(width, fit, heldOut, judged, id, pace)));
    const all = counts[id] ?? 0;
    if (isOneSweep(all, heldOut, blocks.length, width)) {
      compared.push(sharedSize(all, heldOut, blocks.length, width, MOST_FITTED_SETS));
      const seconds = await measureShared(width, fit, heldOut, blocks.length, judged, id, pace);
      similaritySeconds += seconds;
      const rowBytes = sharedSize(all, heldOut, blocks.length, width, FITTED_SETS).surrogateBytes;
      const found = blocks.length ** 2 * resampleBytes(judged);
      checkpointBytes = Math.max(checkpointBytes, checkpointsBytes(seconds, rowBytes + found));
      continue;
    }
    for (const rows of [heldOut, all]) {
      if (rows < 4) continue;
      compared.push(comparedSize(rows, blocks.length, width));
      const cells = rows === heldOut && judged ? judged.someRows[id]!.rows.length : null;
      for (const sweep of timedSweeps(rows, blocks.length, width, cells)) {
        const sampled = sweep.resampled ? judged : null;
        similaritySeconds +=
          sweep.times * (await measureSweep(width, sweep.rows, fit, blocks.length, sampled, id, pace));
      }
    }
  }
  return {
    probesSeconds,
    similaritySeconds,
    comparedBytes: Math.max(0, ...compared.map((one) => one.keptBytes + STATE_COPIES * one.stateBytes)),
    surrogateBytes: Math.max(0, ...compared.map((one) => one.surrogateBytes)),
    checkpointBytes,
  };
}

/** One state, all streams together. */
export function bytesOfRows({ width, rows }: Pick<FiguresOf, 'width' | 'rows'>): number {
  return FLOAT_BYTES * width * Object.values(rows).reduce((sum, count) => sum + count, 0);
}

/** What is kept beside the states: probes, and what was compared. */
export function figureBytes(of: FiguresOf): number {
  const { streams, width, split } = of;
  const probes = streams.reduce((sum, { id }) => {
    const fit = split.fit[id]!.length;
    return sum + (fit > 0 ? updatesOf(of, id) * FLOAT_BYTES * width * (fit < width ? 2 * fit + 2 : width + 2) : 0);
  }, 0);
  return probes + resultBytes(of);
}

/** What was compared: it does not shrink with the tokens. */
export function resultBytes({ blocks, streams, judged }: Pick<FiguresOf, 'blocks' | 'streams' | 'judged'>): number {
  return streams.length * blocks.length ** 2 * (RESULT_BYTES + resampleBytes(judged));
}

/** Of a pair of blocks and a stream: two estimators, two readings, float64. */
const resampleBytes = (judged: JudgedRows | null): number => 2 * 2 * 8 * (judged?.weightings.resamples ?? 0);

function updatesOf({ blocks }: FiguresOf, stream: string): number {
  return blocks.filter(({ updates }) => updates.includes(stream)).length;
}

/** Fits one block of one stream, on noise, and judges it. */
export function probeOnNoise(
  width: number,
  fit: number,
  heldOut: number,
  judged: JudgedRows | null,
  stream: string,
  pace: Pace,
): () => Promise<void> {
  const rows = fit + heldOut;
  const [input, output] = [noise(rows, width, 1), noise(rows, width, 2)];
  const data = { input, output, width };
  return async () => {
    const probe = await fitProbe({ ...data, rows: Uint32Array.from({ length: fit }, (_, i) => i) }, { pace });
    if (!probe || !judged || heldOut === 0) return;
    asAffineMap(probe);
    const { cellOf, sizes } = judged.rows[stream]!;
    const of = { ...data, rows: Uint32Array.from({ length: heldOut }, (_, i) => fit + i) };
    const errors = await sumProbeErrors(probe, of, cellOf, sizes.length, pace);
    weightedProbeQuality(errors, judged.weightings);
  };
}

const MEASURED_BLOCKS = 2;

/** Of all states and surrogates of one stream over some rows, no more of them than features. */
async function measureSweep(
  width: number,
  rows: number,
  fit: number,
  numBlocks: number,
  judged: JudgedRows | null,
  stream: string,
  pace: Pace,
): Promise<number> {
  const states = new Map<number, Float32Array>();
  const probe = {
    left: noise(width, Math.min(fit, width), 3),
    right: noise(Math.min(fit, width), width, 4).map((value) => value * 1e-3),
    bias: new Float32Array(width),
  };
  const surrogates = new Map<number, Float32Array>();
  const cells = judged?.someRows[stream];
  let [startedAt, statesAt] = [0, 0];
  await steadySeconds(async () => {
    startedAt = performance.now();
    let statesDone = 0;
    await sweepGrams(
      {
        blocks: MEASURED_BLOCKS,
        rows,
        width,
        updated: Array(MEASURED_BLOCKS).fill(true),
        resampling:
          judged && cells
            ? { cells: { ...cells, rows: cells.rows.map((_, i) => i) }, weightings: judged.weightings }
            : null,
      },
      {
        async state(index) {
          const known = states.get(index) ?? noise(rows, width, 5 + index);
          states.set(index, known);
          return known;
        },
        probe: async () => probe,
        surrogate: async (start) => surrogates.get(start)!,
        async putSurrogate(start, values) {
          surrogates.set(start, Float32Array.from(values));
        },
      },
      pace,
      {
        onState() {
          statesDone += 1;
          if (statesDone === MEASURED_BLOCKS + 1) statesAt = performance.now();
        },
      },
    );
  });
  const perState = (statesAt - startedAt) / 1000 / (MEASURED_BLOCKS + 1);
  const measured = (MEASURED_BLOCKS * (MEASURED_BLOCKS + 1)) / 2;
  const perSurrogate = (performance.now() - statesAt) / 1000 / measured;
  return perState * (numBlocks + 1) + (perSurrogate * numBlocks * (numBlocks + 1)) / 2;
}

/** Of one sweep over held-out and all rows of one stream. What a set of fitted rows takes is paid once per block and set. */
async function measureShared(
  width: number,
  fit: number,
  heldOut: number,
  numBlocks: number,
  judged: JudgedRows | null,
  stream: string,
  pace: Pace,
): Promise<number> {
  // States that are all the same have the same fitted rows, and a probe of zeros leaves them so.
  const state = noise(fit + heldOut, width, 5);
  const probe = { left: noise(width, fit, 3), right: new Float32Array(fit * width), bias: new Float32Array(width) };
  const waiting = new Map<string, Float32Array>();
  const cells = judged?.someRows[stream];
  let [startedAt, statesAt, setAt, setMs, sets] = [0, 0, 0, 0, 0];
  await steadySeconds(async () => {
    startedAt = performance.now();
    [setAt, setMs, sets] = [0, 0, 0];
    let statesDone = 0;
    await sweepShared(
      {
        blocks: MEASURED_BLOCKS,
        width,
        updated: Array(MEASURED_BLOCKS).fill(true),
        isFitted: Array.from({ length: fit + heldOut }, (_, row) => row < fit),
        resampling:
          judged && cells
            ? { cells: { ...cells, rows: cells.rows.map((_, i) => i) }, weightings: judged.weightings }
            : null,
      },
      {
        state: async () => state,
        probe: async () => probe,
        async surrogate(start) {
          if (setAt > 0) {
            setMs += performance.now() - setAt;
            sets += 1;
          }
          setAt = 0;
          return waiting.get(`${start}`)!;
        },
        async putSurrogate(start, values) {
          waiting.set(`${start}`, Float32Array.from(values));
        },
        async fitted(set) {
          setAt = performance.now();
          return waiting.get(`fitted ${set}`)!;
        },
        async putFitted(set, values) {
          waiting.set(`fitted ${set}`, Float32Array.from(values));
        },
      },
      pace,
      {
        onState() {
          statesDone += 1;
          if (statesDone === MEASURED_BLOCKS + 1) statesAt = performance.now();
        },
      },
    );
  });
  const perState = (statesAt - startedAt) / 1000 / (MEASURED_BLOCKS + 1);
  const measured = (MEASURED_BLOCKS * (MEASURED_BLOCKS + 1)) / 2;
  const perSurrogate = (performance.now() - statesAt - setMs) / 1000 / measured;
  const perSet = setMs / 1000 / sets;
  return (
    perState * (numBlocks + 1) + FITTED_SETS * perSet * numBlocks + (perSurrogate * numBlocks * (numBlocks + 1)) / 2
  );
}

/** Without what the first run alone takes: code is compiled, kernels are prepared. */
export async function steadySeconds(run: () => Promise<unknown>): Promise<number> {
  let last = await secondsOf(run);
  for (let again = 0; again < 2 && last < 2; again++) last = await secondsOf(run);
  return last;
}

export async function secondsOf(run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return (performance.now() - startedAt) / 1000;
}

function noise(rows: number, width: number, seed: number): Float32Array {
  const { normal } = seededRandom(seed);
  return Float32Array.from({ length: rows * width }, () => normal());
}
