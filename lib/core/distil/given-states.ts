/**
 * The teacher's states around an interval, captured elsewhere and read from a file (lib/core/trace/boundaries.ts): the teacher then
 * runs no block before the interval. They are in the type that the file holds them in; the embedded input is computed here.
 */
import * as tf from '@tensorflow/tfjs-core';
import { ContiguaError } from '../errors.ts';
import { disposeState, type State, streamTokens, type Transformer, type TransformerInputs } from '../model/index.ts';
import type { StateDType } from '../run/teacher-windows.ts';
import { roundedToBfloat } from '../tensor/float.ts';
import { type Boundaries, boundariesKey, readBoundary } from '../trace/index.ts';
import type { Boundary, TeacherBatch } from './teacher-states.ts';
import type { TrainingBatches } from './training-data.ts';

export class GivenStates {
  private constructor(
    private readonly transformer: Transformer,
    private readonly boundaries: Boundaries,
    private readonly batches: TrainingBatches,
    /** Names the states: students of others are others. */
    readonly key: string,
  ) {}

  /** Throws `trace-invalid` where the states are not those of the batches' samples. */
  static async open(transformer: Transformer, boundaries: Boundaries, batches: TrainingBatches): Promise<GivenStates> {
    const wrong = (summary: string, found: string, expected: string) =>
      new ContiguaError('trace-invalid', summary, {
        file: boundaries.file,
        found,
        expected,
        hint: 'Train on the calibration.safetensors that was written beside the states.',
      });
    const { fileSamples } = batches;
    if (!fileSamples) {
      throw wrong('States from a file need training data from a file', batches.label, 'the samples that they are of');
    }
    if (fileSamples.count !== boundaries.samples) {
      const found = `states of ${boundaries.samples} samples`;
      throw wrong('There are not as many states as samples', found, `${fileSamples.count}`);
    }
    const { architecture, config } = transformer;
    if (boundaries.model.width !== config.width) {
      throw wrong('The states have another width than the model', `${boundaries.model.width}`, `${config.width}`);
    }
    const inputs = batches.inputs(0);
    for (const stream of architecture.streams) {
      const [found, expected] = [boundaries.tokens[stream.id], streamTokens(inputs, stream)];
      if (found === expected) continue;
      const tokens = found === undefined ? 'no states' : `states of ${found} tokens`;
      throw wrong(`The states of the ${stream.label} stream do not fit its tokens`, tokens, `${expected} tokens`);
    }
    return new GivenStates(transformer, boundaries, batches, await boundariesKey(boundaries));
  }

  /** A training batch around an interval, rounded as the run rounds states that it computes. */
  async at(index: number, { before, after }: Boundary, dtype: StateDType): Promise<TeacherBatch> {
    const inputs = this.batches.inputs(index);
    const samples = this.batches.fileSamples!.of(index);
    const { state, context } = await this.transformer.begin(inputs);
    const made = [state];
    try {
      if (before >= 0) {
        made.push(await this.state(inputs, samples, before, dtype));
        disposeState(state);
        made.shift();
      }
      return { inputs, context, before: made[0]!, after: await this.state(inputs, samples, after, dtype) };
    } catch (thrown) {
      for (const one of made) disposeState(one);
      this.transformer.disposeContext(context);
      throw thrown;
    }
  }

  /** The state of these samples after a block; the caller's own. */
  async state(
    inputs: TransformerInputs,
    samples: ArrayLike<number>,
    block: number,
    dtype: StateDType = 'f32',
  ): Promise<State> {
    const { architecture, config } = this.transformer;
    const state: Record<string, tf.Tensor3D> = {};
    try {
      for (const stream of architecture.streams) {
        const values = await readBoundary(this.boundaries, stream.id, block, samples);
        const shape: [number, number, number] = [inputs.batch, streamTokens(inputs, stream), config.width];
        state[stream.id] = tf.tensor3d(dtype === 'f32' ? values : roundedToBfloat(values), shape);
      }
    } catch (thrown) {
      disposeState(state);
      throw thrown;
    }
    return state;
  }
}
