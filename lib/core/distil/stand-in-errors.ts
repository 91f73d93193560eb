/**
 * How well something stands in for an interval, on samples that nothing was fitted to: direction, magnitude and relative
 * error of every stream against the teacher, of the student and of what it has to beat (first block alone, linear probes,
 * removal).
 */
import type * as tf from '@tensorflow/tfjs-core';
import { DEFAULT_RIDGE, fitBlockProbe } from '../analysis/index.ts';
import { Pace } from '../analysis/pace.ts';
import type { BlockInterval } from '../interval/index.ts';
import {
  blockAt,
  cloneState,
  disposeState,
  type ModelStream,
  type PassContext,
  type Route,
  type State,
  type StreamProbes,
  streamMask,
  type Transformer,
  type TransformerInputs,
} from '../model/index.ts';
import { pause } from '../pause.ts';
import type { PerStream } from '../report/report.ts';
import type { Baselines, StandInError, StreamError } from '../run/progress.ts';
import { advance } from './along-route.ts';
import { beginPass, endPass, type SweepPass, sweep } from './sweep.ts';
import { releaseBatch, type TeacherBatch } from './teacher-states.ts';
import type { TrainingBatches } from './training-data.ts';

/** The teacher's state after a block, of the batch of a number; the caller's own. */
export type StatesOf = (batch: number, block: number) => Promise<State>;

/** What runs in the interval's place; its result is the caller's own, and not its argument. */
export type StandIn = (state: State, context: PassContext) => Promise<State>;

/** Batches around one interval, on the engine until `dispose`; their input is the teacher's state, or what a leading route makes of it. */
export class HeldOut {
  private constructor(
    private readonly transformer: Transformer,
    private readonly batches: readonly TeacherBatch[],
    private readonly interval: BlockInterval,
  ) {}

  /** `given` has the teacher's states after some blocks, of the batch of a number; the teacher itself runs where it is null. */
  static async capture(
    transformer: Transformer,
    inputs: readonly TransformerInputs[],
    interval: BlockInterval,
    leadingRoute: Route | null = null,
    signal?: AbortSignal,
    given: StatesOf | null = null,
  ): Promise<HeldOut> {
    const passes: (SweepPass & { before: State | null })[] = [];
    try {
      for (const input of inputs) {
        await pause(signal);
        const pass = await beginPass(transformer, input);
        passes.push({ ...pass, before: interval.first === 0 || leadingRoute ? cloneState(pass.state) : null });
      }
      // The route starts at the embedded input, as the teacher does.
      for (const step of leadingRoute ?? []) {
        for (const pass of passes) {
          await pause(signal);
          const next = await transformer.runStep(step, pass.before!, pass.context);
          disposeState(pass.before!);
          pass.before = next;
        }
      }
      const keep = async (pass: (typeof passes)[number]) => {
        if (pass.block === interval.first - 1 && !leadingRoute) pass.before = cloneState(pass.state);
      };
      if (given) {
        for (const [batch, pass] of passes.entries()) {
          await pause(signal);
          pass.before ??= await given(batch, interval.first - 1);
          await takeState(pass, interval.last, given(batch, interval.last));
        }
      }
      await sweep(transformer, passes, interval.last, keep, signal);
    } catch (thrown) {
      for (const pass of passes) {
        endPass(transformer, pass);
        if (pass.before) disposeState(pass.before);
      }
      throw thrown;
    }
    const batches = passes.map(({ inputs, context, before, state }) => ({
      inputs,
      context,
      before: before!,
      after: state,
    }));
    return new HeldOut(transformer, batches, interval);
  }

  async errorOf(standIn: StandIn, signal?: AbortSignal): Promise<StandInError> {
    const { config, architecture } = this.transformer;
    const counted = streamsAfter(this.transformer, this.interval).map((stream) => ({ stream, sums: new ErrorSums() }));
    for (const { inputs, context, before, after } of this.batches) {
      await pause(signal);
      const state = await standIn(before, context);
      try {
        for (const { stream, sums } of counted) {
          const [found, wanted] = [await asRows(state[stream.id]!), await asRows(after[stream.id]!)];
          sums.add(found, wanted, config.width, streamMask(inputs, stream));
        }
      } finally {
        disposeState(state);
      }
    }
    const errorOf = (id: string) => counted.find(({ stream }) => stream.id === id)?.sums.error() ?? null;
    return Object.fromEntries(architecture.streams.map(({ id }) => [id, errorOf(id)]));
  }

  /** `training` gives the samples that the probes are fitted on, and `given` their states before the interval, if anything does. */
  async baselines(training: TrainingBatches, signal?: AbortSignal, given: StatesOf | null = null): Promise<Baselines> {
    const { transformer } = this;
    const { first, last } = this.interval;
    const probes = await fitProbes(transformer, training, this.interval, signal, given);
    const block = { kind: 'block', index: first } as const;
    return {
      firstBlock: await this.errorOf((state, context) => transformer.runStep(block, state, context), signal),
      probes: await this.errorOf(
        (state, context) =>
          advance(transformer, state, context, [
            block,
            ...probes.slice(0, last - first).map((probe) => ({ kind: 'probe', probe }) as const),
          ]),
        signal,
      ),
      removal: await this.errorOf(async (state) => cloneState(state), signal),
    };
  }

  /** The block of the interval that, run alone, has the least squared error over its streams, relative to their states. */
  async bestBlock(signal?: AbortSignal): Promise<number> {
    let [best, least] = [this.interval.first, Number.POSITIVE_INFINITY];
    for (let index = this.interval.first; index <= this.interval.last; index++) {
      const errors = await this.errorOf(
        (state, context) => this.transformer.runStep({ kind: 'block', index }, state, context),
        signal,
      );
      const error = Object.values(errors).reduce((sum, of) => sum + (of?.relative ?? 0) ** 2, 0);
      if (error < least) [best, least] = [index, error];
    }
    return best;
  }

  dispose(): void {
    for (const batch of this.batches) releaseBatch(this.transformer, batch);
  }
}

/** The streams that take part in replacing an interval: those that its last block updates. */
export function streamsAfter({ architecture }: Transformer, { last }: BlockInterval): readonly ModelStream[] {
  const { updates } = blockAt(architecture, last);
  return architecture.streams.filter(({ id }) => updates.includes(id));
}

/** Puts a pass behind a block without running the blocks before it. */
async function takeState(pass: SweepPass, block: number, given: Promise<State>): Promise<void> {
  const state = await given;
  disposeState(pass.state);
  pass.state = state;
  pass.block = block;
}

/** Samples that probes are fitted on, as in an analysis. */
const PROBE_SAMPLES = 64;

/** Probes of the interval's blocks but the first, on the teacher's states; two blocks' states are held at a time. */
async function fitProbes(
  transformer: Transformer,
  training: TrainingBatches,
  { first, last }: BlockInterval,
  signal: AbortSignal | undefined,
  given: StatesOf | null,
): Promise<StreamProbes[]> {
  const { width } = transformer.config;
  const { streams } = transformer.architecture;
  const batches: SweepPass[] = [];
  const rowsNow = async (): Promise<PerStream<Float32Array>> => {
    const all: [string, Float32Array][] = [];
    for (const stream of streams) {
      const rows = new RowList();
      for (const { state, inputs } of batches) {
        rows.append(await asRows(state[stream.id]!), width, streamMask(inputs, stream));
      }
      all.push([stream.id, rows.values(width)]);
    }
    return Object.fromEntries(all);
  };
  try {
    for (let index = 0; index * training.batch < PROBE_SAMPLES; index++) {
      await pause(signal);
      const pass = await beginPass(transformer, training.inputs(index));
      batches.push(pass);
      if (given && first > 0) await takeState(pass, first - 1, given(index, first - 1));
    }
    await sweep(transformer, batches, first, async () => {}, signal);
    const probes: StreamProbes[] = [];
    let input = await rowsNow();
    for (let block = first + 1; block <= last; block++) {
      await sweep(transformer, batches, block, async () => {}, signal);
      const output = await rowsNow();
      // A stream without valid tokens has no probe. The stand-ins are judged on other samples.
      const withTokens = streams.filter(({ id }) => input[id]!.length > 0);
      const fit = Object.fromEntries(
        streams.map(({ id }) => [id, Uint32Array.from({ length: input[id]!.length / width }, (_, row) => row)]),
      );
      const { maps } = await fitBlockProbe(
        blockAt(transformer.architecture, block),
        withTokens,
        (id) => [input[id]!, output[id]!],
        width,
        { fit },
        DEFAULT_RIDGE,
        new Pace(signal),
      );
      probes.push(maps);
      input = output;
    }
    return probes;
  } finally {
    for (const batch of batches) endPass(transformer, batch);
  }
}

/** Rows of one stream over batches, padded ones left out. */
class RowList {
  readonly #rows: Float32Array[] = [];

  append(values: Float32Array, width: number, mask: Uint8Array | null): void {
    if (!mask) {
      this.#rows.push(values);
      return;
    }
    for (let row = 0; row * width < values.length; row++) {
      if (mask[row]) this.#rows.push(values.subarray(row * width, (row + 1) * width));
    }
  }

  values(width: number): Float32Array {
    const all = new Float32Array(this.#rows.reduce((sum, row) => sum + row.length, 0));
    let at = 0;
    for (const row of this.#rows) {
      all.set(row, at);
      at += row.length;
    }
    if (all.length % width !== 0) throw new RangeError(`${all.length} values are no rows of ${width}`);
    return all;
  }
}

/** Sums in float64 over the rows of all batches. */
export class ErrorSums {
  #rows = 0;
  #direction = 0;
  #magnitude = 0;
  #difference = 0;
  #total = 0;

  add(found: Float32Array, wanted: Float32Array, width: number, mask: Uint8Array | null): void {
    for (let row = 0; row * width < wanted.length; row++) {
      if (mask && !mask[row]) continue;
      let [foundSquare, wantedSquare, product, difference] = [0, 0, 0, 0];
      for (let at = row * width; at < (row + 1) * width; at++) {
        const [f, w] = [found[at]!, wanted[at]!];
        foundSquare += f * f;
        wantedSquare += w * w;
        product += f * w;
        difference += (f - w) ** 2;
      }
      const norms = Math.sqrt(foundSquare * wantedSquare);
      this.#rows += 1;
      // Σ (f/‖f‖ − w/‖w‖)² = 2 − 2 cos
      // A state of zeros has no direction: its x/‖x‖ counts as 0.
      const squares = (foundSquare > 0 ? 1 : 0) + (wantedSquare > 0 ? 1 : 0);
      this.#direction += norms > 0 ? Math.max(0, 2 - (2 * product) / norms) : squares;
      this.#magnitude += wantedSquare > 0 ? Math.abs(Math.sqrt(foundSquare / wantedSquare) - 1) : 0;
      this.#difference += difference;
      this.#total += wantedSquare;
    }
  }

  error(): StreamError {
    return {
      direction: this.#direction / this.#rows,
      magnitude: this.#magnitude / this.#rows,
      relative: Math.sqrt(this.#difference / this.#total),
    };
  }
}

export async function asRows(tensor: tf.Tensor3D): Promise<Float32Array> {
  return Float32Array.from(await tensor.data());
}
