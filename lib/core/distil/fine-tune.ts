/**
 * The paper's last stage: the whole student, every interval's students in their places, trained together against the
 * teacher's output (velocity). Embeddings and the output layer stay the teacher's; what is trained are the students, or
 * every block that is left. What comes out is one model, whose students can no longer be plugged one by one.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { NamedBlob } from '../checkpoint/index.ts';
import { TRAINED_METADATA } from '../export/index.ts';
import { formatIntervalKeys } from '../interval/index.ts';
import {
  architectureOf,
  disposeState,
  type PassContext,
  prunedModel,
  routeWithStudents,
  type State,
  type StudentStep,
  type StudentWeights,
  type Transformer,
  type WeightSet,
} from '../model/index.ts';
import type { DistilProgress, SavedFile } from '../run/progress.ts';
import type { FineTuneSettings } from '../run/settings.ts';
import { weightSetOf } from './distil-interval.ts';
import { velocityLoss } from './losses.ts';
import { optimise, whenThereIsRoom } from './optimise.ts';
import { cutUp, type FlatParameters, flatten, layoutOf, unflatten } from './parameters.ts';
import { named, StudentGradients } from './recorded-gradients.ts';
import { trainedFileParts } from './student.ts';
import { teacherOutput } from './teacher-output.ts';
import type { TrainingBatches } from './training-data.ts';
import { readState } from './training-state.ts';

export interface FineTuneOptions {
  readonly transformer: Transformer;
  /** Of the teacher. */
  readonly fingerprint: string;
  /** Their weights stay the caller's. */
  readonly students: readonly StudentWeights[];
  /** Tells apart students of the same intervals: a checkpoint of other students is refused. */
  readonly studentsKey: string;
  readonly settings: FineTuneSettings;
  readonly batches: TrainingBatches;
  readonly resume: NamedBlob | null;
  readonly save: (name: string, parts: AsyncIterable<Uint8Array>) => Promise<SavedFile>;
  readonly onProgress: (progress: DistilProgress, stepsDone: number) => void;
  readonly signal: AbortSignal;
  /** Ends it in order: after the step under way, with its checkpoint. */
  readonly stop?: AbortSignal;
}

export async function fineTune(
  options: FineTuneOptions,
): Promise<{ readonly student: SavedFile; readonly steps: number }> {
  const { transformer, fingerprint, students, settings, batches, signal, stop, onProgress } = options;
  const { config } = transformer;
  const { numBlocks, family } = config;
  const route = routeWithStudents(numBlocks, students);
  /** Names of the student model's tensors, whose blocks are numbered as they follow each other there. */
  const { blocks } = architectureOf(
    prunedModel(
      config,
      route.map(({ index }) => index),
    ),
  );
  const prefixAt = (position: number) => blocks[position]!.prefix;
  const plugged = formatIntervalKeys(students);
  const task = `${fingerprint} fine-tune of ${plugged} (${options.studentsKey}), ${batches.key}, ${JSON.stringify(settings)}`;
  /** Blocks that stay as they are, by position: read once, as a gradient cannot wait for a file. */
  const fixed = new Map<number, WeightSet>();
  try {
    const { layout, start } = await readStart();
    const { output } = transformer.architecture;
    const gradients = new StudentGradients([output], layout);
    const constant = [
      ...named('model', await transformer.globalTensors()),
      ...[...fixed].flatMap(([position, weights]) => named(prefixAt(position), weights.entries())),
    ];
    const result = await optimise({
      settings: { ...settings, accumulation: 1 },
      layout,
      start,
      task,
      async differentiate(weights, index, sum) {
        const inputs = batches.inputs(index);
        const { state, context } = await transformer.begin(inputs);
        let target: tf.Tensor3D | null = null;
        try {
          const wanted = await teacherOutput(transformer, inputs);
          target = wanted;
          const lossOf = (vectors: FlatParameters) => {
            const tensors = unflatten(vectors, layout);
            const weightsAt = (position: number) => fixed.get(position) ?? blockOf(tensors, prefixAt(position));
            const velocity = runRoute(transformer, route, state, context, weightsAt);
            return { [output]: velocityLoss(velocity, wanted) };
          };
          const given = new Map([
            ...constant,
            ...named('state', Object.entries(state)),
            ['target', wanted],
            ...transformer.contextTensors(context),
          ]);
          return gradients.of(weights, given, lossOf, sum);
        } finally {
          disposeState(state);
          target?.dispose();
          transformer.disposeContext(context);
        }
      },
      saveState: (step, parts) => options.save(`state-${step}.safetensors`, parts),
      onSteps: (points) => onProgress({ kind: 'steps', points }, points.at(-1)?.step ?? 0),
      onCheckpoint: (step, file) => onProgress({ kind: 'checkpoint', step, file }, step),
      afterStep: async () => {},
      signal,
      stop,
    }).finally(() => gradients.dispose());
    const tensors = cutUp(result, layout);
    try {
      const metadata = {
        [TRAINED_METADATA.kind]: 'fine-tuned',
        [TRAINED_METADATA.plugged]: plugged,
        [TRAINED_METADATA.teacher]: fingerprint,
        [TRAINED_METADATA.family]: family,
        [TRAINED_METADATA.settings]: JSON.stringify(settings),
      };
      const student = await whenThereIsRoom(signal, () =>
        options.save('student.safetensors', trainedFileParts(tensors, metadata)),
      );
      return { student, steps: settings.steps };
    } finally {
      tf.dispose([...result, ...tensors.values()]);
    }
  } finally {
    for (const [position, weights] of fixed) if (route[position]?.kind === 'block') weights.dispose();
  }

  /** Fills `fixed` on the way. */
  async function readStart() {
    const startTensors = new Map<string, tf.Tensor>();
    const read: WeightSet[] = [];
    try {
      for (const [position, step] of route.entries()) {
        if (settings.train === 'students' && step.kind === 'block') {
          fixed.set(position, await transformer.holdBlock(step.index));
          continue;
        }
        const weights = step.kind === 'block' ? await transformer.readBlock(step.index) : studentOf(step);
        if (step.kind === 'block') read.push(weights);
        for (const [name, tensor] of weights.entries()) startTensors.set(`${prefixAt(position)}${name}`, tensor);
      }
      const layout = layoutOf(startTensors);
      const start = options.resume
        ? await readState(options.resume, task, layout, settings.ema !== null)
        : { step: 0 as const, weights: flatten(startTensors, layout) };
      return { layout, start };
    } finally {
      for (const weights of read) weights.dispose();
    }
  }
}

function blockOf(tensors: ReadonlyMap<string, tf.Tensor>, prefix: string): WeightSet {
  return weightSetOf(
    new Map(
      [...tensors].flatMap(([name, tensor]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), tensor]] : [])),
    ),
  );
}

function studentOf(step: StudentStep): WeightSet {
  if (step.kind !== 'student') throw new RangeError(`A ${step.kind} is no student`);
  return step.weights;
}

/** Output tokens [B, Ni, p²·out]. Inside a gradient. */
function runRoute(
  transformer: Transformer,
  route: readonly StudentStep[],
  start: State,
  context: PassContext,
  weightsAt: (position: number) => WeightSet,
): tf.Tensor3D {
  let state = start;
  route.forEach(({ index }, position) => {
    const wanted = position < route.length - 1 ? 'updated' : 'output';
    state = transformer.applyBlock(index, weightsAt(position), state, context, wanted);
  });
  return transformer.project(state, context);
}
