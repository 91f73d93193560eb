/**
 * A plan's error from its intervals alone, to first order: with the output differences δ_i = v̂_i − v of each interval taken
 * out by itself, the whole plan's difference is about Σ δ_i, and its squared error Σ_ij ⟨δ_i, δ_j⟩. Unlike a sum of errors
 * it knows which intervals err in the same direction. The K × K inner products are all that is remembered of the δ.
 */
import { analyse, probesOf } from '../lib/core/analysis/index.ts';
import { calibrationFor } from '../lib/core/capture/index.ts';
import { runEdit } from '../lib/core/edit/index.ts';
import { type BlockInterval, formatIntervalKey } from '../lib/core/interval/index.ts';
import { probeMaps, routeOf } from '../lib/core/model/index.ts';
import { CALIBRATION, calibrationText } from './calibration.ts';
import { correctedRoutes, FEW_STEPS, fewStepsDistil } from './candidates.ts';
import { everyInterval } from './intervals.ts';
import { measuredOf } from './ledger.ts';
import type { Sample, StudentSettings } from './sample.ts';
import { EARLY_LEVELS } from './settings.ts';
import { TRUTH_DISTIL } from './truths.ts';

export interface OutputGram {
  /** Intervals, in the order of rows and columns. */
  readonly keys: readonly string[];
  /** ⟨δ_i, δ_j⟩ / ‖v‖², mean over noise levels: row i holds j = 0 … i. */
  readonly all: readonly (readonly number[])[];
  /** The same over the noisiest levels alone. */
  readonly early: readonly (readonly number[])[];
  /** What it took, without training. */
  readonly seconds: number;
}

export interface Superposed {
  readonly name: string;
  readonly about: string;
  readonly gram: OutputGram;
}

type Differences = readonly Float32Array[];

/** Those that the ledger holds, or can be measured. */
export async function superposedScores(sample: Sample): Promise<Superposed[]> {
  const intervals = everyInterval(sample.model.summary.stacks);
  const families: [string, string, string, () => AsyncGenerator<[BlockInterval, Differences]>][] = [
    ['removed', 'the later blocks left out', 'removed', () => removedDifferences(sample, intervals)],
    [
      'probes',
      'probes in place of the later blocks',
      `probes${calibrationText()}`,
      () => probedDifferences(sample, intervals),
    ],
    ['linear', 'the best linear map', 'linear', () => correctedDifferences(sample, intervals)],
    ...FEW_STEPS.map((steps) => ofStudents(`${steps} steps`, `students of ${steps} steps`, fewStepsDistil(steps))),
    ofStudents('own students', 'the very students that are plugged in: what the first order can say', TRUTH_DISTIL),
  ];
  const found = await measuredOf(
    families.map(([name, about, key, differences]) => async () => {
      const gram = await sample.ledger.once(`output differences of ${intervals.length} intervals, ${key}`, () =>
        gramOf(differences()),
      );
      return { name: `Σδ ${name}`, about: `length of the summed output differences with ${about}`, gram };
    }),
  );
  return found;

  function ofStudents(name: string, about: string, settings: StudentSettings): (typeof families)[number] {
    return [name, about, `students of ${settings.steps} steps, seed ${settings.seed}`, () => trained(settings)];
  }

  async function* trained(settings: StudentSettings): AsyncGenerator<[BlockInterval, Differences]> {
    for (const interval of intervals) {
      const { edit } = await sample.student(interval, settings);
      yield [interval, await sample.levelDifferences([edit])];
    }
  }
}

async function* removedDifferences(
  sample: Sample,
  intervals: readonly BlockInterval[],
): AsyncGenerator<[BlockInterval, Differences]> {
  for (const interval of intervals) {
    yield [interval, await sample.levelDifferencesOf(routeOf(sample.numBlocks, [runEdit(interval, 'nothing')]))];
  }
}

async function* probedDifferences(
  sample: Sample,
  intervals: readonly BlockInterval[],
): AsyncGenerator<[BlockInterval, Differences]> {
  const analysed = await analyse(sample.transformer, await calibrationFor(sample.model, CALIBRATION), {
    signal: new AbortController().signal,
  });
  const probes = await probesOf(analysed.maps, Array(sample.numBlocks).keys());
  for (const interval of intervals) {
    const route = routeOf(sample.numBlocks, [runEdit(interval, 'probes')], { maps: probeMaps(probes) });
    yield [interval, await sample.levelDifferencesOf(route)];
  }
}

async function* correctedDifferences(
  sample: Sample,
  intervals: readonly BlockInterval[],
): AsyncGenerator<[BlockInterval, Differences]> {
  for await (const { interval, route } of correctedRoutes(sample, intervals)) {
    yield [interval, await sample.levelDifferencesOf(route)];
  }
}

async function gramOf(differences: AsyncIterable<[BlockInterval, Differences]>): Promise<OutputGram> {
  const startedAt = performance.now();
  const keys: string[] = [];
  const known: Differences[] = [];
  const [all, early]: [number[][], number[][]] = [[], []];
  for await (const [interval, own] of differences) {
    keys.push(formatIntervalKey(interval));
    known.push(own);
    const products = known.map((other) => own.map((level, i) => dot(level, other[i]!)));
    all.push(products.map(rounded));
    early.push(products.map((levels) => rounded(levels.slice(-EARLY_LEVELS))));
  }
  return { keys, all, early, seconds: (performance.now() - startedAt) / 1000 };
}

/** Their mean, to the digits that a float32 forward pass has. */
function rounded(values: readonly number[]): number {
  return Number((values.reduce((sum, value) => sum + value, 0) / values.length).toPrecision(7));
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Inner product of two intervals; null for one that the Gram does not hold. */
export function productOf(
  { keys }: OutputGram,
  rows: OutputGram['all'],
  a: BlockInterval,
  b: BlockInterval,
): number | null {
  const [i, j] = [keys.indexOf(formatIntervalKey(a)), keys.indexOf(formatIntervalKey(b))];
  return i < 0 || j < 0 ? null : rows[Math.max(i, j)]![Math.min(i, j)]!;
}
