/**
 * The paper's last stage: the whole student, every interval's students in their places and its blocks as narrow as they were made,
 * trained together against the teacher's output (velocity). Embeddings and the output layer stay the teacher's; what is trained are
 * the students, or every block that is left, and in either case linear maps and shared modulations. What comes out is one model,
 * whose parts can no longer be plugged one by one.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { NamedBlob } from '../checkpoint/index.ts';
import { type EditSet, editKey } from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import { narrowEditsText, TRAINED_METADATA } from '../export/trained-file.ts';
import { formatIntervalKeys } from '../interval/index.ts';
import {
  architectureOf,
  blockAt,
  blockInForm,
  blockStepsOf,
  disposeState,
  narrowBlocks,
  prunedModel,
  type Route,
  routeWithStudents,
  type StudentWeights,
  type Transformer,
  type WeightSet,
} from '../model/index.ts';
import type { DistilProgress, SavedFile } from '../run/progress.ts';
import type { FineTuneSettings } from '../run/settings.ts';
import { weightSetOf } from './distil-interval.ts';
import { ownWeights, runEdited, sharedBlocksOf } from './edited-pass.ts';
import { velocityLoss } from './losses.ts';
import { optimise, whenThereIsRoom } from './optimise.ts';
import { cutUp, type FlatParameters, flatten, layoutOf, unflatten } from './parameters.ts';
import { named, StudentGradients } from './recorded-gradients.ts';
import { trainedFileParts } from './student.ts';
import { teacherOutput } from './teacher-output.ts';
import { rankedEdits, rankTensors, type SharedFit } from './train-modulations.ts';
import type { TrainingBatches } from './training-data.ts';
import { readState } from './training-state.ts';

export interface FineTuneOptions {
  readonly transformer: Transformer;
  /** Of the teacher. */
  readonly fingerprint: string;
  /** Their weights stay the caller's. */
  readonly students: readonly StudentWeights[];
  /** Edits that make blocks narrower; left out where there are none. */
  readonly narrow?: NarrowStart;
  /** Tells apart students, maps and modulations of the same edits: a checkpoint of others is refused. */
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

export interface NarrowStart {
  /** All edits of the model; a valid set. */
  readonly edits: EditSet;
  /** The way through the model with all edits but those of modulations in place; students and maps in it are the caller's. */
  readonly route: Route;
  /** In the order of the edits. */
  readonly modulations: readonly SharedFit[];
}

export async function fineTune(
  options: FineTuneOptions,
): Promise<{ readonly student: SavedFile; readonly steps: number }> {
  const { transformer, fingerprint, students, narrow, settings, batches, signal, stop, onProgress } = options;
  const { config, architecture } = transformer;
  const { numBlocks, family, width } = config;
  const route = blockStepsOf(narrow?.route ?? routeWithStudents(numBlocks, students));
  const modulations = narrow?.modulations ?? [];
  // Tensors are named by place, and readers count the edits in their order.
  if (modulations.map(({ edit }) => editKey(edit)).join() !== keysOfModulations(narrow?.edits ?? []).join()) {
    throw new RangeError('Shared modulations are not in the order of the edits');
  }
  const ranks = rankedEdits(modulations);
  const shared = sharedBlocksOf(transformer, ranks);
  const dropped = droppedTensors(transformer, narrow?.edits ?? []);
  /** Names of the student model's tensors, whose blocks are numbered as they follow each other there. */
  const { blocks } = architectureOf(
    prunedModel(
      config,
      route.map(({ index }) => index),
    ),
  );
  const prefixAt = (position: number) => blocks[position]!.prefix;
  const plugged = formatIntervalKeys(students);
  const edited = narrowEditsText(narrow?.edits ?? []);
  const subject = [plugged, edited].filter((one) => one !== '').join(', ');
  const task = `${fingerprint} fine-tune of ${subject} (${options.studentsKey}), ${batches.key}, ${JSON.stringify(settings)}`;
  /** Blocks that stay as they are, by position: read once, as a gradient cannot wait for a file. */
  const fixed = new Map<number, WeightSet>();
  try {
    const { layout, start } = await readStart();
    const { output } = architecture;
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
            const weightsAt = (position: number) => {
              const weights = fixed.get(position) ?? setOf(tensors, prefixAt(position));
              const step = route[position]!;
              return step.kind === 'narrow' ? weights.with(setOf(tensors, mapPrefix(step.index))) : weights;
            };
            const parts = { edits: shared, modulations: beginningWith(tensors, MODULATION) };
            const velocity = runEdited(transformer, route, weightsAt, state, context, parts);
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
    for (const [place, { parts }] of modulations.entries()) {
      // A table is exact at its timesteps and is written as it is.
      if ('conditioning' in parts) {
        tensors.set(
          `${MODULATION}${place}.conditioning`,
          tf.tensor2d(parts.conditioning, [parts.conditioning.length / width, width]),
        );
      }
    }
    try {
      const metadata = {
        [TRAINED_METADATA.kind]: 'fine-tuned',
        [TRAINED_METADATA.plugged]: plugged,
        [TRAINED_METADATA.teacher]: fingerprint,
        [TRAINED_METADATA.family]: family,
        [TRAINED_METADATA.settings]: JSON.stringify(settings),
        ...(edited !== '' && { [TRAINED_METADATA.edits]: edited }),
      };
      const student = await whenThereIsRoom(signal, () =>
        options.save('student.safetensors', trainedFileParts(tensors, metadata, isRow)),
      );
      return { student, steps: settings.steps };
    } finally {
      tf.dispose([...result, ...tensors.values()]);
    }
  } finally {
    for (const [position, weights] of fixed) if (ownWeights(route[position]!) === null) weights.dispose();
  }

  /** Fills `fixed` on the way. */
  async function readStart() {
    const startTensors = new Map<string, tf.Tensor>();
    const read: (WeightSet | tf.Tensor)[] = [];
    try {
      for (const [position, step] of route.entries()) {
        const own = ownWeights(step);
        if (step.kind === 'narrow') addAll(mapPrefix(step.index), step.maps);
        if (settings.train === 'students' && !own) {
          fixed.set(position, await transformer.holdBlock(step.index));
          continue;
        }
        const weights = own ?? (await transformer.readBlock(step.index));
        if (!own) read.push(weights);
        addAll(prefixAt(position), weights, dropped.get(step.index));
      }
      for (const [name, tensor] of rankTensors(ranks, width)) {
        read.push(tensor);
        startTensors.set(`${MODULATION}${name}`, tensor);
      }
      const layout = layoutOf(startTensors);
      if (startTensors.size === 0) throw nothingToTrain(narrow?.edits ?? []);
      const start = options.resume
        ? await readState(options.resume, task, layout, settings.ema !== null)
        : { step: 0 as const, weights: flatten(startTensors, layout) };
      return { layout, start };
    } finally {
      for (const weights of read) weights.dispose();
    }

    function addAll(prefix: string, weights: WeightSet, without?: ReadonlySet<string>) {
      for (const [name, tensor] of weights.entries()) {
        if (!without?.has(name)) startTensors.set(`${prefix}${name}`, tensor);
      }
    }
  }
}

function keysOfModulations(edits: EditSet): string[] {
  return edits.flatMap((edit) => (edit.on === 'modulation' ? [editKey(edit)] : []));
}

function nothingToTrain(edits: EditSet): ContiguaError {
  return new ContiguaError('settings-invalid', 'The fine-tune has nothing to train', {
    found: narrowEditsText(edits) || 'no edits',
    expected: 'students, linear maps or modulations by rank, or all weights',
    hint: 'Train all weights: a table is exact at its timesteps and is not trained.',
  });
}

/** What maps and shared modulations are called in the file, as in files of their own (docs/student-format.md). */
const mapPrefix = (block: number) => `${block}.`;
const MODULATION = 'modulation.';

/** Bases, directions and conditionings are stored as they are held, row by row. */
const isRow = (name: string) => name.startsWith(MODULATION);

/** By block, the weights that narrower blocks have no use for. */
function droppedTensors(
  { architecture, config }: Transformer,
  edits: EditSet,
): ReadonlyMap<number, ReadonlySet<string>> {
  const narrow = narrowBlocks(
    architecture,
    edits.filter(({ on }) => on !== 'modulation'),
  );
  return new Map(
    [...narrow.values()].map(({ index, form }) => {
      const block = blockAt(architecture, index);
      const left = new Set(blockInForm(block, form, config.width).tensors.map(({ name }) => name));
      return [index, new Set(block.tensors.map(({ name }) => name).filter((name) => !left.has(name)))];
    }),
  );
}

function setOf(tensors: ReadonlyMap<string, tf.Tensor>, prefix: string): WeightSet {
  return weightSetOf(beginningWith(tensors, prefix));
}

function beginningWith(tensors: ReadonlyMap<string, tf.Tensor>, prefix: string): Map<string, tf.Tensor> {
  return new Map(
    [...tensors].flatMap(([name, tensor]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), tensor]] : [])),
  );
}
