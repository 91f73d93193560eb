/**
 * The linear maps of one edit (PPCL, width-wise pruning): they start at least squares in float64 on training samples, and are
 * trained with the paper's loss, L1 of directions, and the loss of the blocks' outputs. The better of both on held-out samples is
 * kept. Runs, checkpoints and resumption are those of students.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { NamedBlob } from '../checkpoint/index.ts';
import { editKey, sameEdit } from '../edit/index.ts';
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
import type { DistilProgress, NarrowResult, SavedFile, StandInError } from '../run/progress.ts';
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
import { whenThereIsRoom } from './optimise.ts';
import { cutUp, type FlatParameters, flatten, layoutOf, type ParameterLayout, unflatten } from './parameters.ts';
import { named, type StudentGradients } from './recorded-gradients.ts';
import { refine, refinedMetadata } from './refine.ts';
import { asRows, ErrorSums } from './stand-in-errors.ts';
import { taskName } from './task-name.ts';
import { type SharedStates, TeacherStates, teacherBatch } from './teacher-states.ts';
import type { TrainingBatches } from './training-data.ts';

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
  const { transformer, edit, settings, batches, signal, stop } = options;
  const before = stop ? AbortSignal.any([signal, stop]) : signal;
  const inputs = batches.heldOut(settings.heldOutSamples);
  const fitted = await leastSquares(options, inputs, before);
  const segment = await NarrowSegment.open({ ...options, given: options.maps });
  let heldOut: HeldOutSegment | null = null;
  try {
    heldOut = await HeldOutSegment.capture(options, segment, inputs, before);
    const { layout, vectors } = await startOf(options.maps, segment);
    const refined = await refine(options, {
      layout,
      vectors,
      streams: segment.streams,
      task: taskName({
        ...options,
        subject: `maps ${editKey(edit)}`,
        inPlace: options.restsOn === '' ? null : `after ${options.restsOn}`,
      }),
      differentiate: (gradients) => differentiator(options, segment, layout, gradients),
      errorOf: (tensors, until) => heldOut!.errorOf(tensors, until),
      total: directionError,
      async save(kept, result) {
        const trained = { ...options.maps, owner: TRAINED };
        if (kept === 'trained') await putTrained(trained, segment, result, layout);
        const written = kept === 'trained' ? trained : options.maps;
        const { fingerprint } = options;
        const { family, width } = transformer.config;
        const about = refinedMetadata([edit], settings, kept);
        return await whenThereIsRoom(signal, () =>
          options.save(
            'maps.safetensors',
            mapFileParts(written, [{ maps: segment.maps }], { fingerprint, family, width }, about),
          ),
        );
      },
    });
    return { ...refined, fitError: fitted.quality.error };
  } finally {
    heldOut?.dispose();
    segment.dispose();
  }
}

/**
 * Over the streams: what decides between training and its start. Least squares has the least relative error by its making, whatever
 * that does to the model; errors of directions are what training lowers.
 */
function directionError(error: StandInError): number {
  return Object.values(error).reduce((sum, of) => sum + (of?.direction ?? 0), 0);
}

/** Owner of the maps that training made, beside those of the start. */
const TRAINED = 'trained';

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
