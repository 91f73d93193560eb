/**
 * Refinement of a closed form: linear maps and shared modulations start at the solution of a linear problem, and are trained from
 * there or go on from a checkpoint. The better of both on held-out samples is kept, as training may end with a larger error than
 * it started with.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { NamedBlob } from '../checkpoint/index.ts';
import { type Edit, editKey } from '../edit/index.ts';
import { TRAINED_METADATA } from '../export/index.ts';
import type { StreamId } from '../model/index.ts';
import type { KeptWeights, NarrowResult, SavedFile, StandInError } from '../run/progress.ts';
import type { DistilSettings } from '../run/settings.ts';
import { optimise } from './optimise.ts';
import { cutUp, type FlatParameters, type ParameterLayout } from './parameters.ts';
import { progressOfTraining, type TrainingReporter } from './progress-of-training.ts';
import { StudentGradients } from './recorded-gradients.ts';
import { readState } from './training-state.ts';

type OptimiseOptions = Parameters<typeof optimise>[0];

export interface RefineOptions extends TrainingReporter {
  readonly resume: NamedBlob | null;
  /** Ends it in order: after the step under way, with its checkpoint; at once where no step has begun. */
  readonly stop?: AbortSignal;
}

export interface Refinement {
  readonly layout: ParameterLayout;
  /** The closed form; taken over. */
  readonly vectors: FlatParameters;
  /** What the loss is summed over. */
  readonly streams: readonly StreamId[];
  /** A checkpoint of another task is refused. */
  readonly task: string;
  readonly differentiate: (gradients: StudentGradients) => OptimiseOptions['differentiate'];
  /** On held-out samples; the tensors stay the caller's. */
  readonly errorOf: (tensors: ReadonlyMap<string, tf.Tensor>, signal: AbortSignal) => Promise<StandInError>;
  /** One number of an error; the weights with the lower one are kept. */
  readonly total: (error: StandInError) => number;
  /** Writes what is kept; the trained vectors stay the caller's. */
  readonly save: (kept: KeptWeights, trained: FlatParameters) => Promise<SavedFile>;
}

export async function refine(
  options: RefineOptions,
  { layout, vectors, streams, task, differentiate, total, ...closedForm }: Refinement,
): Promise<Omit<NarrowResult, 'fitError'>> {
  const { settings, signal, stop, onProgress } = options;
  // Until the first step there is nothing to save.
  const before = stop ? AbortSignal.any([signal, stop]) : signal;
  const errorOf = async (weights: FlatParameters, until: AbortSignal) => {
    const tensors = cutUp(weights, layout);
    try {
      return await closedForm.errorOf(tensors, until);
    } finally {
      tf.dispose([...tensors.values()]);
    }
  };
  let start: OptimiseOptions['start'];
  let startError: StandInError;
  try {
    startError = await errorOf(vectors, before);
    start = options.resume
      ? await readState(options.resume, task, layout, settings.ema !== null)
      : { step: 0, weights: vectors.map((vector) => tf.clone(vector)) };
  } finally {
    tf.dispose([...vectors]);
  }
  if ('weights' in start) onProgress({ kind: 'held-out', point: { step: 0, student: startError } }, 0);
  const gradients = new StudentGradients(streams, layout);
  const result = await optimise({
    settings,
    layout,
    start,
    differentiate: differentiate(gradients),
    task,
    ...progressOfTraining(options, start.step, errorOf),
    signal,
    stop,
  }).finally(() => gradients.dispose());
  try {
    const last = { step: settings.steps, student: await errorOf(result, signal) };
    onProgress({ kind: 'held-out', point: last }, settings.steps);
    const kept: KeptWeights = total(last.student) < total(startError) ? 'trained' : 'start';
    const student = await closedForm.save(kept, result);
    return { student, steps: settings.steps, heldOut: last, kept };
  } finally {
    tf.dispose([...result]);
  }
}

/** What a file of refined weights says about itself. */
export function refinedMetadata(
  edits: readonly Edit[],
  settings: DistilSettings,
  kept: KeptWeights,
): Readonly<Record<string, string>> {
  return {
    [TRAINED_METADATA.edits]: edits.map(editKey).join(', '),
    [TRAINED_METADATA.settings]: JSON.stringify(settings),
    [TRAINED_METADATA.kept]: kept,
  };
}
