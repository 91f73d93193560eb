/**
 * Shared modulations, refined: basis, directions and mean of every edit by rank start in closed form (lib/core/modulation) and are trained
 * together against the teacher's output, with every other edit of the run in place. In place of the conditioning c blocks read
 * c' = m + Dᵀ U (c − m), which is what their matrices read through U, with D and m multiplied into them, so that the model needs
 * no other weights for it. The better of both on held-out samples is kept. Tables are exact at their timesteps and are not trained.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { NamedBlob } from '../checkpoint/index.ts';
import { editKey, type ModulationEdit } from '../edit/index.ts';
import {
  type BlockStep,
  blockStepsOf,
  disposeState,
  type PassContext,
  type Route,
  type State,
  type Transformer,
  type TransformerInputs,
  type WeightSet,
} from '../model/index.ts';
import { type BasisParts, modulationsFile, type SharedBlocks, type TableParts } from '../modulation/index.ts';
import { pause } from '../pause.ts';
import type { DistilProgress, KeptWeights, NarrowResult, SavedFile, StandInError } from '../run/progress.ts';
import type { DistilSettings } from '../run/settings.ts';
import { ownWeights, type RankedEdit, runEdited, sharedBlocksOf } from './edited-pass.ts';
import { velocityLoss } from './losses.ts';
import { whenThereIsRoom } from './optimise.ts';
import { cutUp, type FlatParameters, flatten, layoutOf, type ParameterLayout, unflatten } from './parameters.ts';
import { named, type StudentGradients } from './recorded-gradients.ts';
import { refine, refinedMetadata } from './refine.ts';
import { ErrorSums } from './stand-in-errors.ts';
import { taskName } from './task-name.ts';
import { teacherOutput } from './teacher-output.ts';
import type { TrainingBatches } from './training-data.ts';

/** An edit with what it puts in place. */
export interface SharedFit {
  readonly edit: ModulationEdit;
  readonly parts: BasisParts | TableParts;
}

/** With its start in closed form, and the error that this leaves in the modulations. */
export interface ModulationStart extends SharedFit {
  readonly error: number;
}

export interface TrainModulationsOptions {
  readonly transformer: Transformer;
  /** Of the teacher. */
  readonly fingerprint: string;
  /** In the order of the plan, which is that of the file. */
  readonly starts: readonly ModulationStart[];
  /** The model with all other edits in place. */
  readonly route: Route;
  /** Tells apart what is in place: a checkpoint of other students or maps is refused. */
  readonly restsOn: string;
  readonly settings: DistilSettings;
  readonly batches: TrainingBatches;
  readonly resume: NamedBlob | null;
  readonly save: (name: string, parts: AsyncIterable<Uint8Array>) => Promise<SavedFile>;
  readonly onProgress: (progress: DistilProgress, stepsDone: number) => void;
  readonly signal: AbortSignal;
  /** Ends it in order: after the step under way, with its checkpoint; at once where no step has begun. */
  readonly stop?: AbortSignal;
}

export async function trainModulations(options: TrainModulationsOptions): Promise<NarrowResult> {
  const { transformer, starts, settings, batches, signal, stop } = options;
  const before = stop ? AbortSignal.any([signal, stop]) : signal;
  const fitError = Math.max(...starts.map(({ error }) => error));
  const ranks = rankedEdits(starts);
  const heldOutInputs = batches.heldOut(settings.heldOutSamples);
  if (ranks.length === 0) {
    const student = Object.fromEntries(transformer.architecture.streams.map(({ id }) => [id, null]));
    return { student: await saved(starts, 'start'), steps: 0, heldOut: { step: 0, student }, kept: 'start', fitError };
  }
  const model = await EditedModel.open(transformer, options.route, ranks);
  try {
    const targets: Float32Array[] = [];
    for (const inputs of heldOutInputs) {
      await pause(before);
      targets.push(await transformer.forward(inputs));
    }
    const constant = [...named('model', await transformer.globalTensors()), ...model.constants()];
    const { layout, vectors } = startOf(ranks, transformer.config.width);
    const { output } = transformer.architecture;
    const refined = await refine(options, {
      layout,
      vectors,
      streams: [output],
      task: taskName({
        ...options,
        subject: `modulations ${starts.map(({ edit }) => editKey(edit)).join(', ')}`,
        inPlace: options.restsOn === '' ? null : `with ${options.restsOn}`,
      }),
      differentiate: (gradients) => differentiator(options, model, constant, layout, gradients),
      errorOf: (tensors, until) => model.errorOf(tensors, heldOutInputs, targets, until),
      total: (error) => error[output]?.relative ?? Number.POSITIVE_INFINITY,
      save: async (kept, result) =>
        await saved(kept === 'start' ? starts : await trainedParts(starts, result, layout), kept),
    });
    return { ...refined, fitError };
  } finally {
    model.dispose();
  }

  async function saved(fits: readonly ModulationStart[], kept: KeptWeights): Promise<SavedFile> {
    const { family, width } = transformer.config;
    const about = refinedMetadata(
      starts.map(({ edit }) => edit),
      settings,
      kept,
    );
    const { path, blob } = modulationsFile(fits, { fingerprint: options.fingerprint, family, width }, about);
    return await whenThereIsRoom(signal, () => options.save(path, partsOf(blob)));
  }
}

/** Loss and gradients of one batch, against the teacher's output. */
function differentiator(
  { transformer, batches }: TrainModulationsOptions,
  model: EditedModel,
  constant: Iterable<readonly [string, tf.Tensor]>,
  layout: ParameterLayout,
  gradients: StudentGradients,
) {
  const { output } = transformer.architecture;
  return async (weights: FlatParameters, index: number, sum: FlatParameters | null) => {
    const inputs = batches.inputs(index);
    const wanted = await teacherOutput(transformer, inputs);
    const { state, context } = await transformer.begin(inputs);
    try {
      const given = new Map([
        ...constant,
        ...named('state', Object.entries(state)),
        ['target', wanted] as const,
        ...transformer.contextTensors(context),
      ]);
      const lossOf = (all: FlatParameters) => ({
        [output]: velocityLoss(model.output(unflatten(all, layout), state, context), wanted),
      });
      return gradients.of(weights, given, lossOf, sum);
    } finally {
      disposeState(state);
      wanted.dispose();
      transformer.disposeContext(context);
    }
  };
}

async function* partsOf(blob: NamedBlob['blob']): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(await blob.arrayBuffer());
}

function startOf(ranks: readonly RankedEdit[], width: number): { layout: ParameterLayout; vectors: FlatParameters } {
  const tensors = rankTensors(ranks, width);
  const layout = layoutOf(tensors);
  try {
    return { layout, vectors: flatten(tensors, layout) };
  } finally {
    tf.dispose([...tensors.values()]);
  }
}

/**
 * Where training starts, as `sharedConditioning` names it, the caller's own. Vectors of the basis are scaled to length one, and their
 * directions by the inverse: the optimizer's steps suit both then.
 */
export function rankTensors(ranks: readonly RankedEdit[], width: number): Map<string, tf.Tensor> {
  const tensors = new Map<string, tf.Tensor>();
  for (const { parts, place } of ranks) {
    const [basis, directions] = [parts.basis.slice(), parts.directions.slice()];
    for (let r = 0; r * width < basis.length; r++) {
      const row = basis.subarray(r * width, (r + 1) * width);
      const length = Math.hypot(...row) || 1;
      for (let k = 0; k < width; k++) {
        row[k] = row[k]! / length;
        directions[r * width + k] = directions[r * width + k]! * length;
      }
    }
    const rank = basis.length / width;
    tensors.set(`${place}.basis`, tf.tensor2d(basis, [rank, width]));
    tensors.set(`${place}.directions`, tf.tensor2d(directions, [rank, width]));
    tensors.set(`${place}.mean`, tf.tensor1d(parts.mean));
  }
  return tensors;
}

/** Edits by rank among them: tables are exact at their timesteps and are not trained. */
export function rankedEdits(starts: readonly SharedFit[]): RankedEdit[] {
  return starts.flatMap(({ edit, parts }, place) => ('basis' in parts ? [{ edit, parts, place }] : []));
}

async function trainedParts(
  starts: readonly ModulationStart[],
  result: FlatParameters,
  layout: ParameterLayout,
): Promise<ModulationStart[]> {
  const tensors = cutUp(result, layout);
  try {
    const values = async (name: string) => Float32Array.from(await tensors.get(name)!.data());
    const fits: ModulationStart[] = [];
    for (const [place, start] of starts.entries()) {
      if (!tensors.has(`${place}.basis`)) fits.push(start);
      else {
        const parts = {
          basis: await values(`${place}.basis`),
          directions: await values(`${place}.directions`),
          mean: await values(`${place}.mean`),
        };
        fits.push({ ...start, parts });
      }
    }
    return fits;
  } finally {
    tf.dispose([...tensors.values()]);
  }
}

interface HeldStep {
  readonly index: number;
  readonly weights: WeightSet;
  readonly carriesText: boolean;
}

/** Every step of the route with its weights on the engine, as a gradient cannot wait for a file. */
class EditedModel {
  private constructor(
    private readonly transformer: Transformer,
    private readonly steps: readonly HeldStep[],
    private readonly edits: readonly SharedBlocks[],
    private readonly owned: readonly WeightSet[],
  ) {}

  static async open(transformer: Transformer, route: Route, ranks: readonly RankedEdit[]): Promise<EditedModel> {
    const owned: WeightSet[] = [];
    try {
      const steps: HeldStep[] = [];
      for (const step of blockStepsOf(route)) steps.push(await heldStep(step));
      return new EditedModel(transformer, steps, sharedBlocksOf(transformer, ranks), owned);
    } catch (thrown) {
      for (const set of owned) set.dispose();
      throw thrown;
    }

    async function heldStep(step: BlockStep): Promise<HeldStep> {
      const { index, carriesText = false } = step;
      const own = ownWeights(step);
      const whole = own ?? (await transformer.holdBlock(index));
      if (!own) owned.push(whole);
      return { index, carriesText, weights: step.kind === 'narrow' ? whole.with(step.maps) : whole };
    }
  }

  constants(): readonly [string, tf.Tensor][] {
    return this.steps.flatMap(({ index, weights }) => named(`block ${index}`, weights.entries()));
  }

  /** Output tokens [B, Ni, p²·out]. Inside tf.tidy or a gradient. */
  output(modulations: ReadonlyMap<string, tf.Tensor>, start: State, context: PassContext): tf.Tensor3D {
    const { transformer, steps, edits } = this;
    return runEdited(transformer, steps, (position) => steps[position]!.weights, start, context, {
      edits,
      modulations,
    });
  }

  /** Of the output against the teacher's, in the place of the output's stream. */
  async errorOf(
    tensors: ReadonlyMap<string, tf.Tensor>,
    inputs: readonly TransformerInputs[],
    targets: readonly Float32Array[],
    signal: AbortSignal,
  ): Promise<StandInError> {
    const { architecture } = this.transformer;
    const sums = new ErrorSums();
    for (const [batch, input] of inputs.entries()) {
      await pause(signal);
      const { state, context } = await this.transformer.begin(input);
      try {
        const output = tf.tidy(() => this.output(tensors, state, context));
        const found = Float32Array.from(await output.data());
        output.dispose();
        sums.add(found, targets[batch]!, found.length / (input.batch * input.imageTokens), null);
      } finally {
        disposeState(state);
        this.transformer.disposeContext(context);
      }
    }
    return Object.fromEntries(
      architecture.streams.map(({ id }) => [id, id === architecture.output ? sums.error() : null]),
    );
  }

  dispose(): void {
    for (const set of this.owned) set.dispose();
  }
}
