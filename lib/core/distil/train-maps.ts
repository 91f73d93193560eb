/**
 * The linear maps of one edit (PPCL, width-wise pruning): they start at least squares in float64 on training samples, and are
 * trained with the paper's loss, L1 of directions, and the loss of the blocks' outputs. The better of both on held-out samples is
 * kept. Runs, checkpoints and resumption are those of students.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { NamedBlob } from '../checkpoint/index.ts';
import { editKey, sameEdit } from '../edit/index.ts';
import { TRAINED_METADATA } from '../export/index.ts';
import {
  disposeState,
  type PassContext,
  type State,
  type StreamId,
  streamMask,
  streamTokens,
  type Transformer,
  type TransformerInputs,
} from '../model/index.ts';
import { pause } from '../pause.ts';
import type { DistilProgress, KeptWeights, NarrowResult, SavedFile, StandInError } from '../run/progress.ts';
import type { DistilSettings } from '../run/settings.ts';
import { DEFAULT_SWEEP_BYTES } from '../run/teacher-windows.ts';
import { type FittedWidthEdit, fitWidth, type MapStore, mapFileParts, putMap, readMap } from '../width/index.ts';
import { fitSamples } from './fit-samples.ts';
import { tokenWeights } from './losses.ts';
import {
  disposeTargets,
  NarrowSegment,
  namedTargets,
  PARTS,
  type SegmentParts,
  type SegmentTargets,
} from './narrow-segment.ts';
import { optimise, whenThereIsRoom } from './optimise.ts';
import { cutUp, type FlatParameters, flatten, layoutOf, type ParameterLayout, unflatten } from './parameters.ts';
import { progressOfTraining } from './progress-of-training.ts';
import { named, StudentGradients } from './recorded-gradients.ts';
import { asRows, ErrorSums } from './stand-in-errors.ts';
import { type SharedStates, TeacherStates, teacherBatch } from './teacher-states.ts';
import type { TrainingBatches } from './training-data.ts';
import { readState } from './training-state.ts';

export interface TrainMapsOptions extends Omit<SegmentParts, 'given'> {
  /** Holds the maps of the edits that this one rests on, and takes its own; the caller's. */
  readonly maps: MapStore;
  /** Of the teacher. */
  readonly fingerprint: string;
  /** Tells apart what the edit rests on: a checkpoint made behind other students or maps is refused. */
  readonly restsOn: string;
  readonly settings: DistilSettings;
  readonly batches: TrainingBatches;
  /** Of the states that the edit rests on: the model's own, or those of the model as it is edited up to there. */
  readonly shared: SharedStates | null;
  readonly sweepBytes?: number | undefined;
  readonly resume: NamedBlob | null;
  readonly save: (name: string, parts: AsyncIterable<Uint8Array>) => Promise<SavedFile>;
  readonly onProgress: (progress: DistilProgress, stepsDone: number) => void;
  readonly signal: AbortSignal;
  /** Ends it in order: after the step under way, with its checkpoint; at once where no step has begun. */
  readonly stop?: AbortSignal;
}

export async function trainMaps(options: TrainMapsOptions): Promise<NarrowResult> {
  const { transformer, edit, settings, batches, signal, stop, onProgress } = options;
  const before = stop ? AbortSignal.any([signal, stop]) : signal;
  const inputs = batches.heldOut(settings.heldOutSamples);
  const fitted = await leastSquares(options, inputs, before);
  const segment = await NarrowSegment.open({ ...options, given: options.maps });
  let heldOut: HeldOutSegment | null = null;
  try {
    heldOut = await HeldOutSegment.capture(options, segment, inputs, before);
    const { layout, vectors } = await startOf(options.maps, segment);
    const errorOf = async (result: FlatParameters, until: AbortSignal) => {
      const tensors = cutUp(result, layout);
      try {
        return await heldOut!.errorOf(tensors, until);
      } finally {
        tf.dispose([...tensors.values()]);
      }
    };
    const task = taskName(options);
    let start: Parameters<typeof optimise>[0]['start'];
    let fittedError: StandInError;
    try {
      fittedError = await errorOf(vectors, before);
      start = options.resume
        ? await readState(options.resume, task, layout, settings.ema !== null)
        : { step: 0, weights: vectors.map((vector) => tf.clone(vector)) };
    } finally {
      tf.dispose([...vectors]);
    }
    if ('weights' in start) onProgress({ kind: 'held-out', point: { step: 0, student: fittedError } }, 0);
    const gradients = new StudentGradients(segment.streams, layout);
    const result = await optimise({
      settings,
      layout,
      start,
      differentiate: differentiator(options, segment, layout, gradients),
      task,
      ...progressOfTraining(options, start.step, errorOf),
      signal,
      stop,
    }).finally(() => gradients.dispose());
    try {
      const last = { step: settings.steps, student: await errorOf(result, signal) };
      onProgress({ kind: 'held-out', point: last }, settings.steps);
      const kept: KeptWeights = directionError(last.student) < directionError(fittedError) ? 'trained' : 'start';
      const trained = { ...options.maps, owner: TRAINED };
      await putTrained(trained, segment, result, layout);
      const written = kept === 'trained' ? trained : options.maps;
      const { fingerprint } = options;
      const { family, width } = transformer.config;
      const about = {
        [TRAINED_METADATA.edits]: editKey(edit),
        [TRAINED_METADATA.settings]: JSON.stringify(settings),
        [TRAINED_METADATA.kept]: kept,
      };
      const saved = await whenThereIsRoom(signal, () =>
        options.save(
          'maps.safetensors',
          mapFileParts(written, [{ maps: segment.maps }], { fingerprint, family, width }, about),
        ),
      );
      return { student: saved, steps: settings.steps, heldOut: last, kept, fitError: fitted.quality.error };
    } finally {
      tf.dispose([...result]);
    }
  } finally {
    heldOut?.dispose();
    segment.dispose();
  }
}

/**
 * Over the streams: what decides between training and its start. Least squares has the least relative error by its making, whatever
 * that does to the model; errors of directions are what training lowers.
 */
export function directionError(error: StandInError): number {
  return Object.values(error).reduce((sum, of) => sum + (of?.direction ?? 0), 0);
}

/** Owner of the maps that training made, beside those of the start. */
export const TRAINED = 'trained';

/** The start in closed form, into the store that holds the maps that the edit rests on. */
async function leastSquares(
  { transformer, edit, edits, students, maps, batches }: TrainMapsOptions,
  heldOut: readonly TransformerInputs[],
  signal: AbortSignal,
): Promise<FittedWidthEdit> {
  const { calibration, heldOutSamples } = fitSamples(transformer, batches, heldOut);
  const [fitted] = await fitWidth(transformer, calibration, edits, {
    ...maps,
    parts: { students },
    given: (one) => !sameEdit(one, edit),
    heldOutSamples,
    signal,
  });
  if (!fitted) throw new RangeError(`${editKey(edit)} was not fitted`);
  return fitted;
}

async function startOf(
  maps: MapStore,
  segment: NarrowSegment,
): Promise<{ readonly layout: ParameterLayout; readonly vectors: FlatParameters }> {
  const tensors = new Map<string, tf.Tensor>();
  try {
    for (const { block, name } of segment.maps) {
      const { weight, bias } = await readMap(maps, block, name);
      tensors.set(`${block}.${name}.weight`, tf.tensor2d(weight, [bias.length, bias.length]));
      tensors.set(`${block}.${name}.bias`, tf.tensor1d(bias));
    }
    const layout = layoutOf(tensors);
    return { layout, vectors: flatten(tensors, layout) };
  } finally {
    tf.dispose([...tensors.values()]);
  }
}

async function putTrained(to: MapStore, segment: NarrowSegment, result: FlatParameters, layout: ParameterLayout) {
  const tensors = cutUp(result, layout);
  try {
    for (const { block, name } of segment.maps) {
      const [weight, bias] = await Promise.all(
        PARTS.map(async (part) => Float32Array.from(await tensors.get(`${block}.${name}.${part}`)!.data())),
      );
      await putMap(to, block, name, { weight: weight!, bias: bias! });
    }
  } finally {
    tf.dispose([...tensors.values()]);
  }
}

/** Loss and gradients of one batch; states before the segment come from the cache where it has them. */
function differentiator(
  options: TrainMapsOptions,
  segment: NarrowSegment,
  layout: ParameterLayout,
  gradients: StudentGradients,
) {
  const { transformer, settings, batches, signal, stop } = options;
  const states = new TeacherStates(
    transformer,
    batches,
    options.shared,
    {
      batches: settings.steps * settings.accumulation,
      sweepBytes: options.sweepBytes ?? DEFAULT_SWEEP_BYTES,
      dtype: settings.stateDType ?? 'f32',
    },
    segment.leading,
  );
  const until = stop ? AbortSignal.any([signal, stop]) : signal;
  return async (weights: FlatParameters, index: number, sum: FlatParameters | null) => {
    const batch = await stateBefore(states, index, batches.inputs(index));
    try {
      const shares = sharesOf(segment.streams, batch.inputs);
      const targets = await segment.targets(batch.state, batch.context);
      // What the reference read is not needed any more.
      transformer.releaseBlocks();
      try {
        const given = new Map([
          ...named('state', Object.entries(batch.state)),
          ...namedTargets(targets),
          ...named('share', Object.entries(shares)),
          ...segment.constants(),
          ...transformer.contextTensors(batch.context),
        ]);
        const lossesOf = (vectors: FlatParameters) =>
          segment.losses(unflatten(vectors, layout), batch.state, targets, batch.context, shares, settings);
        return gradients.of(weights, given, lossesOf, sum);
      } finally {
        disposeTargets(targets);
        for (const share of Object.values(shares)) share?.dispose();
      }
    } finally {
      disposeState(batch.state);
      transformer.disposeContext(batch.context);
    }
  };

  async function stateBefore(from: TeacherStates, index: number, inputs: TransformerInputs) {
    const { before } = segment;
    if (before < 0) {
      const { state, context } = await transformer.begin(inputs);
      return { inputs, context, state: await entered(transformer, segment, state, context) };
    }
    const found = await from.at(index, { before, after: before }, until);
    // Without steps between them both may be one state.
    if (found.after !== found.before) disposeState(found.after);
    const { before: state, context } = found;
    return { inputs, context, state: await entered(transformer, segment, state, context) };
  }

  function sharesOf(streams: readonly StreamId[], inputs: TransformerInputs) {
    const specs = transformer.architecture.streams.filter(({ id }) => streams.includes(id));
    return Object.fromEntries(
      specs.map((stream) => [
        stream.id,
        tokenWeights(streamMask(inputs, stream), inputs.batch, streamTokens(inputs, stream)),
      ]),
    );
  }
}

/** The state that the segment begins with. Takes the state before it over, and the context where it fails. */
async function entered(
  transformer: Transformer,
  segment: NarrowSegment,
  before: State,
  context: PassContext,
): Promise<State> {
  try {
    return await segment.begin(before, context);
  } catch (thrown) {
    transformer.disposeContext(context);
    throw thrown;
  } finally {
    disposeState(before);
  }
}

interface HeldOutBatch {
  readonly inputs: TransformerInputs;
  readonly context: PassContext;
  readonly state: State;
  /** Of the last block. */
  readonly wanted: State;
}

/** Held-out batches at the segment, on the engine until `dispose`. */
class HeldOutSegment {
  private constructor(
    private readonly options: TrainMapsOptions,
    private readonly segment: NarrowSegment,
    private readonly batches: readonly HeldOutBatch[],
  ) {}

  static async capture(
    options: TrainMapsOptions,
    segment: NarrowSegment,
    inputs: readonly TransformerInputs[],
    signal: AbortSignal,
  ): Promise<HeldOutSegment> {
    const { transformer } = options;
    const batches: HeldOutBatch[] = [];
    const held = new HeldOutSegment(options, segment, batches);
    try {
      for (const input of inputs) {
        await pause(signal);
        const boundary = { before: segment.before, after: segment.before };
        const { before, context } = await teacherBatch(transformer, input, boundary, segment.leading);
        const state = await entered(transformer, segment, before, context);
        let targets: SegmentTargets = [];
        try {
          targets = await segment.targets(state, context);
        } catch (thrown) {
          disposeState(state);
          transformer.disposeContext(context);
          throw thrown;
        }
        const wanted = targets.at(-1)!;
        disposeTargets(targets.slice(0, -1));
        batches.push({ inputs: input, context, state, wanted });
      }
      return held;
    } catch (thrown) {
      held.dispose();
      throw thrown;
    }
  }

  /** By stream that the maps change; null for the others. */
  async errorOf(maps: ReadonlyMap<string, tf.Tensor>, signal: AbortSignal): Promise<StandInError> {
    const { config, architecture } = this.options.transformer;
    const counted = architecture.streams.filter(({ id }) => this.segment.streams.includes(id));
    const sums = new Map(counted.map(({ id }) => [id, new ErrorSums()]));
    for (const { inputs, context, state, wanted } of this.batches) {
      await pause(signal);
      const found = tf.tidy(() => {
        const after = this.segment.run(maps, state, context);
        return Object.fromEntries(counted.map(({ id }) => [id, tf.clone(after[id]!)]));
      });
      try {
        for (const stream of counted) {
          const [rows, wantedRows] = [await asRows(found[stream.id]!), await asRows(wanted[stream.id]!)];
          sums.get(stream.id)!.add(rows, wantedRows, config.width, streamMask(inputs, stream));
        }
      } finally {
        disposeState(found);
      }
    }
    return Object.fromEntries(architecture.streams.map(({ id }) => [id, sums.get(id)?.error() ?? null]));
  }

  dispose(): void {
    for (const { context, state, wanted } of this.batches) {
      disposeState(state);
      disposeState(wanted);
      this.options.transformer.disposeContext(context);
    }
  }
}

/** Everything that decides the maps after a number of steps. */
function taskName({ fingerprint, edit, restsOn, settings, batches }: TrainMapsOptions): string {
  const { heldOutEvery: _, heldOutSamples: __, checkpointEvery: ___, ...deciding } = settings;
  const behind = restsOn === '' ? '' : `, after ${restsOn}`;
  return `${fingerprint} maps ${editKey(edit)}${behind}, ${batches.key}, ${JSON.stringify(deciding)}`;
}
