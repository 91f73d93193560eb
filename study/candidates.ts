/**
 * Scores that no report holds, to be judged beside those that it does: how well the interval's first block and the best
 * linear map after it make the state after the interval (in the state, and in the output), and how far a student comes in
 * a few steps. Fitted and judged on samples with captions of their own; remembered apart from what they are judged by.
 */
import { asAffineMap, DEFAULT_RIDGE, type FittedProbe, fitProbe, probeWeight } from '../lib/core/analysis/index.ts';
import { calibrationFor, captureStates } from '../lib/core/capture/index.ts';
import { runEdit } from '../lib/core/edit/index.ts';
import { type BlockInterval, formatIntervalKey } from '../lib/core/interval/index.ts';
import { blockAt, type Route, type StreamProbes } from '../lib/core/model/index.ts';
import type { StandInError } from '../lib/core/run/index.ts';
import { everyInterval } from './intervals.ts';
import { choiceName, type Sample, type StudentSettings } from './sample.ts';
import { TRUTH_DISTIL } from './truths.ts';

const FITTED = 128;
const JUDGED = 64;
/** Captions and noise of their own: with those of the truths a score would know what it is judged by. */
const DRAWN = { captions: 8, steps: 12, seed: 31 } as const;
const CALIBRATION = { kind: 'shapes', samples: FITTED + JUDGED, timesteps: 8, seed: 23 } as const;

/** Steps after which a student is looked at, each in a run of its own, with its own schedule. */
export const FEW_STEPS = [10, 30] as const;

export interface Corrected {
  /** ‖l(H_u) − H_v‖ / ‖H_v‖ on judged samples, mean over the streams that block v updates; l is the best affine map. */
  readonly state: number;
  /** Relative output error with blocks u+1 … v replaced by l, at each noise level, the cleanest first. */
  readonly output: readonly number[];
  /** Distance of pictures, from a few captions. */
  readonly pictures: number;
}

/** Of what is remembered. Written before timesteps were told, for the number that it was measured with then. */
const UNTOLD_TIMESTEPS = 8;

export function correctedName({ seed, timesteps }: { readonly seed: number; readonly timesteps: number }): string {
  const told = timesteps === UNTOLD_TIMESTEPS ? '' : ` at ${timesteps} timesteps`;
  return `corrected by the best linear map, ${FITTED} + ${JUDGED} samples of seed ${seed}${told}, levels and pictures`;
}

/** By interval key. */
export async function correctedScores(sample: Sample): Promise<Map<string, Corrected>> {
  const intervals = everyInterval(sample.model.summary.stacks);
  const scores = await sample.ledger.once(correctedName(CALIBRATION), () => measureCorrected(sample, intervals));
  return new Map(Object.entries(scores));
}

async function measureCorrected(
  sample: Sample,
  intervals: readonly BlockInterval[],
): Promise<Record<string, Corrected>> {
  const scores: Record<string, Corrected> = {};
  for await (const { interval, error, route } of correctedRoutes(sample, intervals)) {
    scores[formatIntervalKey(interval)] = {
      state: error,
      output: await sample.levelErrorsOf(route),
      pictures: mean((await sample.picturesOf(route, DRAWN)).distance),
    };
    console.error(`linear ${formatIntervalKey(interval)}: ${scores[formatIntervalKey(interval)]?.pictures.toFixed(1)}`);
  }
  return scores;
}

/** Blocks u+1 … v of each interval replaced by the best affine map, and its error of the state on judged samples. */
export async function* correctedRoutes(
  sample: Sample,
  intervals: readonly BlockInterval[],
): AsyncGenerator<{ readonly interval: BlockInterval; readonly error: number; readonly route: Route }> {
  const { transformer, model, numBlocks } = sample;
  const width = transformer.config.width;
  const calibration = await calibrationFor(model, CALIBRATION);
  const states: Record<string, Float32Array>[] = [];
  for await (const captured of captureStates(transformer, calibration)) states.push({ ...captured.states });
  for (const interval of intervals) {
    const { first, last } = interval;
    // states[0] is the embedded input.
    const [input, output] = [states[first + 1]!, states[last + 1]!];
    const maps: Record<string, StreamProbes[string]> = {};
    const errors: number[] = [];
    for (const { id } of transformer.architecture.streams) {
      const isUpdated = blockAt(transformer.architecture, last).updates.includes(id);
      const samples = calibration.rows[id]!;
      const rowsWhere = (is: (one: number) => boolean) =>
        Uint32Array.from(samples.keys()).filter((row) => is(samples[row]!));
      const data = { input: input[id]!, output: output[id]!, width };
      const probe = isUpdated
        ? await fitProbe({ ...data, rows: rowsWhere((one) => one < FITTED) }, { ridge: DEFAULT_RIDGE })
        : null;
      maps[id] = probe && asAffineMap(probe);
      if (probe) errors.push(relativeError(probe, { ...data, rows: rowsWhere((one) => one >= FITTED) }));
    }
    const route: Route = Array.from({ length: numBlocks }, (_, index) => index).flatMap((index): Route => {
      if (index === first + 1) return [{ kind: 'probe', probe: maps }];
      return index > first && index <= last ? [] : [{ kind: 'block', index }];
    });
    yield { interval, error: mean(errors), route };
  }
}

function relativeError(
  probe: FittedProbe,
  { input, output, rows }: { input: Float32Array; output: Float32Array; rows: Uint32Array },
): number {
  const { width: d, bias } = probe;
  const weight = probeWeight(probe);
  let [difference, total] = [0, 0];
  const predicted = new Float64Array(d);
  for (const row of rows) {
    const at = row * d;
    predicted.set(bias);
    for (let i = 0; i < d; i++) {
      const x = input[at + i]!;
      for (let j = 0; j < d; j++) predicted[j] = predicted[j]! + x * weight[i * d + j]!;
    }
    for (let j = 0; j < d; j++) {
      const wanted = output[at + j]!;
      difference += (input[at + j]! + predicted[j]! - wanted) ** 2;
      total += wanted ** 2;
    }
  }
  return Math.sqrt(difference / total);
}

export interface FewSteps {
  /** Held-out relative error of the state, mean over streams. */
  readonly state: number;
  readonly output: readonly number[];
  readonly pictures: number;
}

export function fewStepsDistil(steps: number): StudentSettings {
  return { ...TRUTH_DISTIL, seed: 1, steps, warmupSteps: Math.ceil(steps / 5), heldOutEvery: steps };
}

/** How far a student of another seed comes in `steps` steps. */
export async function afterFewSteps(sample: Sample, interval: BlockInterval, steps: number): Promise<FewSteps> {
  const settings = fewStepsDistil(steps);
  const { edit, trained } = await sample.student(interval, settings);
  const name = choiceName([edit], settings);
  return {
    state: meanRelative(trained.heldOut.at(-1)!.student),
    output: await sample.levelErrors(name, [edit]),
    pictures: mean((await sample.pictures(name, [edit], DRAWN)).distance),
  };
}

/** The output with the later blocks of an interval left out. */
export async function removedScores(sample: Sample, interval: BlockInterval): Promise<Omit<FewSteps, 'state'>> {
  const edits = [{ ...runEdit(interval, 'nothing'), by: 'nothing' as const }];
  const name = `without ${formatIntervalKey(interval)}`;
  return {
    output: await sample.levelErrors(name, edits),
    pictures: mean((await sample.pictures(name, edits, DRAWN)).distance),
  };
}

/** Over the streams that take part. */
export function meanRelative(error: StandInError): number {
  const of = Object.values(error).flatMap((stream) => (stream ? [stream.relative] : []));
  return mean(of);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, one) => sum + one, 0) / values.length;
}
