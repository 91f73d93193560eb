/**
 * The training loop that distillation and fine-tuning share: accumulate, clip, step, report, measure, save. It is a pure
 * function of its settings, its batches and the state it starts from: cut off anywhere and resumed from a checkpoint, it
 * ends with the same bits on the same engine. Asked to stop, it saves a checkpoint of the last step first.
 */
import * as tf from '@tensorflow/tfjs-core';
import { ContiguaError } from '../errors.ts';
import { pause } from '../pause.ts';
import type { SavedFile, StepPoint } from '../run/progress.ts';
import type { OptimizerSettings } from '../run/settings.ts';
import { AdamW } from './adamw.ts';
import type { LossAndGradients } from './gradients.ts';
import type { FlatParameters, ParameterLayout } from './parameters.ts';
import { learningRateAt } from './schedule.ts';
import { stateParts, type TrainingState } from './training-state.ts';

export interface OptimiseOptions {
  readonly settings: OptimizerSettings & {
    readonly steps: number;
    readonly accumulation: number;
    readonly checkpointEvery: number;
  };
  readonly layout: ParameterLayout;
  /** Taken over. */
  readonly start: TrainingState | { readonly step: 0; readonly weights: FlatParameters };
  /**
   * Loss of micro-batch `index`, and its gradients added to `sum`, which is consumed; the caller's own. Counts from 0 over
   * the whole run.
   */
  readonly differentiate: (
    weights: FlatParameters,
    index: number,
    sum: FlatParameters | null,
  ) => Promise<LossAndGradients>;
  /** Names what a checkpoint belongs to. */
  readonly task: string;
  readonly saveState: (step: number, parts: AsyncIterable<Uint8Array>) => Promise<SavedFile>;
  readonly onSteps: (points: readonly StepPoint[]) => void;
  readonly onCheckpoint: (step: number, file: SavedFile) => void;
  /** Called after each step, with the weights that would be the result now. */
  readonly afterStep: (step: number, result: FlatParameters) => Promise<void>;
  /** Ends it at once, with what was trained since the last checkpoint lost. */
  readonly signal: AbortSignal;
  /**
   * Ends it with `cancelled` after the step under way, once its checkpoint is saved and told. `differentiate` may end a step by
   * throwing `cancelled` when it fires: then after the step before.
   */
  readonly stop?: AbortSignal;
}

/** Steps are reported together once this much time has passed. */
const REPORT_EVERY_MS = 500;

/** The result's vectors, the caller's own. */
export async function optimise(options: OptimiseOptions): Promise<FlatParameters> {
  const { settings, layout, start, task, signal } = options;
  const optimizer =
    'vectors' in start ? new AdamW(start.vectors, layout, settings) : AdamW.startingAt(start.weights, layout, settings);
  const unreported: StepPoint[] = [];
  let reportedAt = performance.now();
  let savedStep = start.step;
  const report = () => {
    if (unreported.length > 0) options.onSteps(unreported.splice(0));
    reportedAt = performance.now();
  };
  const save = async (step: number) => {
    const file = await whenThereIsRoom(signal, () =>
      options.saveState(step, stateParts({ step, vectors: optimizer.vectors }, task)),
    );
    savedStep = step;
    options.onCheckpoint(step, file);
  };
  const stopAfter = async (step: number) => {
    report();
    if (savedStep < step) await save(step);
    return new ContiguaError('cancelled', `Stopped after step ${step}`);
  };
  try {
    for (let step = start.step + 1; step <= settings.steps; step++) {
      await pause(signal);
      if (options.stop?.aborted) throw await stopAfter(step - 1);
      const point = await runStep(optimizer, step, options).catch(async (thrown: unknown) => {
        throw options.stop?.aborted && isCancelled(thrown) && !signal.aborted ? await stopAfter(step - 1) : thrown;
      });
      unreported.push(point);
      assertFinite(point);
      const due = step % settings.checkpointEvery === 0 && step < settings.steps;
      if (due || step === settings.steps || performance.now() - reportedAt > REPORT_EVERY_MS) report();
      await options.afterStep(step, optimizer.result);
      if (due) await save(step);
    }
    return optimizer.result.map((vector) => tf.clone(vector));
  } catch (thrown) {
    // The last steps are worth seeing, above all where the loss went wrong.
    report();
    throw thrown;
  } finally {
    optimizer.dispose();
  }
}

const ROOM_PATIENCE_MS = 120_000;
const LOOK_FOR_ROOM_MS = 1_000;

/** A disk that is full may have room a minute later, and the steps since the last checkpoint are worth waiting for. */
export async function whenThereIsRoom<T>(signal: AbortSignal, save: () => Promise<T>): Promise<T> {
  for (const since = performance.now(); ; ) {
    try {
      return await save();
    } catch (thrown) {
      const isFull = thrown instanceof ContiguaError && thrown.code === 'disk-full';
      if (!isFull || performance.now() - since > ROOM_PATIENCE_MS) throw thrown;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_FOR_ROOM_MS));
    await pause(signal);
  }
}

function isCancelled(thrown: unknown): boolean {
  return thrown instanceof ContiguaError && thrown.code === 'cancelled';
}

async function runStep(
  optimizer: AdamW,
  step: number,
  { settings, differentiate }: OptimiseOptions,
): Promise<StepPoint> {
  const { accumulation, steps } = settings;
  const startedAt = performance.now();
  const parts: LossAndGradients[] = [];
  let sum: FlatParameters | null = null;
  try {
    for (let part = 0; part < accumulation; part++) {
      const found = await differentiate(optimizer.vectors.weights, (step - 1) * accumulation + part, sum);
      parts.push(found);
      sum = found.gradients;
    }
    if (sum === null) throw new RangeError('A step needs at least one batch');
    const gradients = accumulation === 1 ? sum : scaleInPlaceOf(sum, 1 / accumulation);
    sum = null;
    const learningRate = learningRateAt(settings, step, steps);
    const norm = optimizer.step(gradients, step, learningRate);
    const streams = Object.keys(parts[0]?.losses ?? {});
    const numbers = tf.tidy(() =>
      tf.stack([norm, ...parts.flatMap(({ losses }) => streams.map((stream) => losses[stream]!))]),
    );
    norm.dispose();
    const [gradientNorm, ...values] = await numbers.data();
    numbers.dispose();
    const mean = (stream: number) =>
      values.reduce((total, loss, i) => (i % streams.length === stream ? total + loss : total), 0) / accumulation;
    return {
      step,
      losses: Object.fromEntries(streams.map((stream, i) => [stream, mean(i)])),
      gradientNorm: gradientNorm ?? Number.NaN,
      learningRate,
      durationMs: performance.now() - startedAt,
    };
  } finally {
    for (const { losses } of parts) tf.dispose(Object.values(losses));
    if (sum) tf.dispose([...sum]);
  }
}

/** One vector after the other: all of them twice may not fit. */
function scaleInPlaceOf(vectors: FlatParameters, factor: number): FlatParameters {
  return vectors.map((vector) => {
    const scaled = tf.mul(vector, factor) as tf.Tensor1D;
    vector.dispose();
    return scaled;
  });
}

function assertFinite({ step, losses, gradientNorm }: StepPoint): void {
  if ([...Object.values(losses), gradientNorm].every(Number.isFinite)) return;
  throw new ContiguaError('training-diverged', 'The training diverged', {
    found: `loss ${Object.values(losses).join(' and ')}, gradient norm ${gradientNorm} at step ${step}`,
    expected: 'finite numbers',
    hint: 'Retry with a lower learning rate, a longer warm-up or clipping.',
  });
}
