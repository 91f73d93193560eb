/**
 * One interval's student (PPCL, section 3.3): it starts as one of the teacher's blocks, sees the teacher's state before the
 * interval, and learns the teacher's state after it. With students before it, it sees what they make of the input
 * instead: sequential distillation, the baseline that lets errors build up.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { NamedBlob } from '../checkpoint/index.ts';
import { TRAINED_METADATA } from '../export/index.ts';
import type { BlockInterval } from '../interval/index.ts';
import { formatIntervalKeys } from '../interval/index.ts';
import {
  disposeState,
  type Route,
  streamMask,
  streamTokens,
  type Transformer,
  type TransformerInputs,
  WeightSet,
} from '../model/index.ts';
import type { DistilProgress, DistilResult, SavedFile } from '../run/progress.ts';
import type { DistilSettings } from '../run/settings.ts';
import { DEFAULT_SWEEP_BYTES } from '../run/teacher-windows.ts';
import type { Boundaries } from '../trace/index.ts';
import { alongRoute } from './along-route.ts';
import { GivenStates } from './given-states.ts';
import { streamLoss, tokenWeights } from './losses.ts';
import { optimise, whenThereIsRoom } from './optimise.ts';
import { cutUp, type FlatParameters, flatten, layoutOf, type ParameterLayout, unflatten } from './parameters.ts';
import { progressOfTraining } from './progress-of-training.ts';
import { named, StudentGradients } from './recorded-gradients.ts';
import { HeldOut, type StatesOf, streamsAfter } from './stand-in-errors.ts';
import { startBlockOf, startWeights, trainedFileParts } from './student.ts';
import { taskName } from './task-name.ts';
import { releaseBatch, type SharedStates, TeacherStates } from './teacher-states.ts';
import type { TrainingBatches } from './training-data.ts';
import { readState } from './training-state.ts';

export interface DistilOptions {
  readonly transformer: Transformer;
  /** Of the teacher; written into the student's file and demanded of a checkpoint. */
  readonly fingerprint: string;
  readonly interval: BlockInterval;
  readonly settings: DistilSettings;
  readonly batches: TrainingBatches;
  readonly shared: SharedStates | null;
  /** States of the batches' samples around the interval that were captured elsewhere: then the teacher is not run for them. */
  readonly boundaries?: Boundaries | null;
  /** Memory for the teacher's states of one window. */
  readonly sweepBytes?: number | undefined;
  /**
   * The way from the input to the interval, where it is not the teacher's own. The key tells apart students of the same
   * intervals on it: a checkpoint made behind others is refused.
   */
  readonly leading: { readonly route: Route; readonly key: string } | null;
  readonly resume: NamedBlob | null;
  /** Writes a file of this name whole or not at all. */
  readonly save: (name: string, parts: AsyncIterable<Uint8Array>) => Promise<SavedFile>;
  readonly onProgress: (progress: DistilProgress, stepsDone: number) => void;
  readonly signal: AbortSignal;
  /** Ends it in order: after the step under way, with its checkpoint; at once where no step has begun. */
  readonly stop?: AbortSignal;
}

export async function distilInterval(options: DistilOptions): Promise<DistilResult> {
  const { transformer, interval, settings, batches, signal, stop, onProgress } = options;
  // Until the first step there is nothing to save.
  const before = stop ? AbortSignal.any([signal, stop]) : signal;
  const inputs = batches.heldOut(settings.heldOutSamples);
  const stored = options.boundaries ? await GivenStates.open(transformer, options.boundaries, batches) : null;
  const { heldOutStates, trainingStates } = statesFrom(stored, options, inputs);
  const route = options.leading?.route ?? null;
  const heldOut = await HeldOut.capture(transformer, inputs, interval, route, before, heldOutStates);
  let layout: ParameterLayout = [];
  const errorOf = async (result: FlatParameters, until: AbortSignal) => {
    const student = weightSetOf(cutUp(result, layout));
    try {
      const step = { kind: 'student', index: interval.first, weights: student } as const;
      return await heldOut.errorOf((state, context) => transformer.runStep(step, state, context), until);
    } finally {
      student.dispose();
    }
  };
  try {
    const startBlock = await startBlockOf({ ...options, signal: before, given: trainingStates });
    // Who resumes may have told this before; whoever lost it hears it again.
    onProgress(
      { kind: 'baselines', baselines: await heldOut.baselines(batches, before, trainingStates), startBlock },
      0,
    );
    const task = taskName({
      ...options,
      subject: formatIntervalKeys([interval]),
      inPlace: options.leading && `after ${options.leading.key}`,
      states: stored?.key,
    });
    const block = await startWeights(transformer, interval, startBlock);
    let start: Parameters<typeof optimise>[0]['start'];
    try {
      layout = layoutOf(block.entries());
      start = options.resume
        ? await readState(options.resume, task, layout, settings.ema !== null)
        : { step: 0, weights: flatten(new Map(block.entries()), layout) };
    } finally {
      block.dispose();
    }
    if ('weights' in start) {
      const { weights } = start;
      const student = await errorOf(weights, before).catch((thrown: unknown) => {
        tf.dispose([...weights]);
        throw thrown;
      });
      onProgress({ kind: 'held-out', point: { step: 0, student } }, 0);
    }
    const gradients = new StudentGradients(
      streamsAfter(transformer, interval).map(({ id }) => id),
      layout,
    );
    const result = await optimise({
      settings,
      layout,
      start,
      differentiate: differentiator(options, stored, layout, gradients),
      task,
      ...progressOfTraining(options, start.step, errorOf),
      signal,
      stop,
    }).finally(() => gradients.dispose());
    try {
      const last = { step: settings.steps, student: await errorOf(result, signal) };
      onProgress({ kind: 'held-out', point: last }, settings.steps);
      return { student: await saveStudent(options, result, layout), steps: settings.steps, heldOut: last };
    } finally {
      tf.dispose([...result]);
    }
  } finally {
    heldOut.dispose();
  }
}

/** States of held-out batches, whose inputs are known, and of training batches, by number; null where the teacher is to run. */
function statesFrom(
  given: GivenStates | null,
  { batches, settings }: DistilOptions,
  heldOut: readonly TransformerInputs[],
): { readonly heldOutStates: StatesOf | null; readonly trainingStates: StatesOf | null } {
  const { fileSamples } = batches;
  if (!given || !fileSamples) return { heldOutStates: null, trainingStates: null };
  const samples = fileSamples.heldOut(settings.heldOutSamples);
  return {
    heldOutStates: (batch, block) => given.state(heldOut[batch]!, samples[batch]!, block),
    trainingStates: (index, block) => given.state(batches.inputs(index), fileSamples.of(index), block),
  };
}

/** Loss and gradients of one batch; the teacher's states come from the cache where it has them. */
function differentiator(
  options: DistilOptions,
  stored: GivenStates | null,
  layout: ParameterLayout,
  gradients: StudentGradients,
) {
  const { transformer, interval, settings, batches, leading, signal, stop } = options;
  const dtype = settings.stateDType ?? 'f32';
  const states = new TeacherStates(transformer, batches, options.shared, {
    batches: settings.steps * settings.accumulation,
    sweepBytes: options.sweepBytes ?? DEFAULT_SWEEP_BYTES,
    dtype,
  });
  // A sweep may take hours: it ends where it is, and what it has stored is found again.
  const until = stop ? AbortSignal.any([signal, stop]) : signal;
  const boundary = { before: interval.first - 1, after: interval.last };
  const streams = streamsAfter(transformer, interval);
  const { output } = transformer.architecture;
  return async (weights: FlatParameters, index: number, sum: FlatParameters | null) => {
    const batch = stored ? await stored.at(index, boundary, dtype) : await states.at(index, boundary, until);
    const { inputs, context, after } = batch;
    let before = batch.before;
    const tokenShares = streams.map((stream) =>
      tokenWeights(streamMask(inputs, stream), inputs.batch, streamTokens(inputs, stream)),
    );
    try {
      if (leading) before = await alongRoute(transformer, inputs, context, leading.route);
      const lossesOf = (vectors: FlatParameters) => {
        const weightSet = weightSetOf(unflatten(vectors, layout));
        const wanted = streams.every(({ id }) => id === output) ? 'output' : 'updated';
        const student = transformer.applyBlock(interval.first, weightSet, before, context, wanted);
        return Object.fromEntries(
          streams.map(({ id }, i) => [id, streamLoss(student[id]!, after[id]!, tokenShares[i] ?? null, settings)]),
        );
      };
      // A block of the teacher is as large as the student.
      transformer.releaseBlocks();
      const given = new Map([
        ...named('before', Object.entries(before)),
        ...named('after', Object.entries(after)),
        ...named('share', tokenShares.entries()),
        ...transformer.contextTensors(context),
      ]);
      return gradients.of(weights, given, lossesOf, sum);
    } finally {
      if (before !== batch.before) disposeState(before);
      for (const ofTokens of tokenShares) ofTokens?.dispose();
      releaseBatch(transformer, batch);
    }
  };
}

async function saveStudent(
  { interval, fingerprint, transformer, settings, save, signal }: DistilOptions,
  result: FlatParameters,
  layout: ParameterLayout,
): Promise<SavedFile> {
  const tensors = cutUp(result, layout);
  try {
    const metadata = {
      [TRAINED_METADATA.kind]: 'student',
      [TRAINED_METADATA.interval]: formatIntervalKeys([interval]),
      [TRAINED_METADATA.teacher]: fingerprint,
      [TRAINED_METADATA.family]: transformer.config.family,
      [TRAINED_METADATA.settings]: JSON.stringify(settings),
    };
    return await whenThereIsRoom(signal, () => save('student.safetensors', trainedFileParts(tensors, metadata)));
  } finally {
    tf.dispose([...tensors.values()]);
  }
}

export function weightSetOf(tensors: ReadonlyMap<string, tf.Tensor>): WeightSet {
  const weights = new WeightSet();
  for (const [name, tensor] of tensors) weights.add(name, tensor);
  return weights;
}
