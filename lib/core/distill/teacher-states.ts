/**
 * The teacher's states around an interval, batch by batch: what a student of non-sequential distillation sees and what it
 * should make of it. Runs the teacher only where the cache does not hold the states, and then leaves there what the run's
 * other intervals will ask for. Processes that share a cache share the work: who finds a batch being computed by another
 * computes one of the next batches meanwhile.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { PassContext, Route, State, Transformer, TransformerInputs } from '../model/index.ts';
import { pause } from '../pause.ts';
import type { StateCache } from './state-cache.ts';
import type { TrainingBatches } from './training-data.ts';

/** One batch around one interval. Owned by the caller: end it with `releaseBatch`. */
export interface TeacherBatch {
  readonly inputs: TransformerInputs;
  readonly context: PassContext;
  readonly before: State;
  readonly after: State;
}

export function releaseBatch(transformer: Transformer, { context, before, after }: TeacherBatch): void {
  tf.dispose([before.image, before.text, after.image, after.text]);
  transformer.disposeContext(context);
}

/** States by the block that they follow: −1 is the embedded input. */
export interface Boundary {
  readonly before: number;
  readonly after: number;
}

export interface SharedStates {
  readonly cache: StateCache;
  /** Blocks whose states after them some interval of the run asks for. */
  readonly keep: readonly number[];
}

/** How far ahead of the batch that is waited for. */
const LOOK_AHEAD = 4;
const WAIT_MS = 10;

export class TeacherStates {
  constructor(
    private readonly transformer: Transformer,
    private readonly batches: TrainingBatches,
    private readonly shared: SharedStates | null,
  ) {}

  async at(index: number, { before, after }: Boundary, signal?: AbortSignal): Promise<TeacherBatch> {
    const inputs = this.batches.inputs(index);
    if (!this.shared) return await teacherBatch(this.transformer, inputs, { before, after });
    const { cache } = this.shared;
    for (;;) {
      const cached = await this.#cached(index, inputs, { before, after });
      if (cached) return cached;
      if (!cache.hasRoom) return await teacherBatch(this.transformer, inputs, { before, after });
      if (await this.#computeClaimed(index, inputs, after)) continue;
      if (!(await this.#computeAhead(index, after))) await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
      await pause(signal);
    }
  }

  async #cached(index: number, inputs: TransformerInputs, { before, after }: Boundary): Promise<TeacherBatch | null> {
    const { cache } = this.shared!;
    const [first, last] = await Promise.all([
      before < 0 ? null : cache.load(this.#name(index, before)),
      cache.load(this.#name(index, after)),
    ]);
    if (!last || (!first && before >= 0)) return null;
    const { state, context } = await this.transformer.begin(inputs);
    if (!first) return { inputs, context, before: state, after: this.#state(last, inputs) };
    tf.dispose([state.image, state.text]);
    return { inputs, context, before: this.#state(first, inputs), after: this.#state(last, inputs) };
  }

  /** True once the batch's states are in the cache, or the cache is full. */
  async #computeClaimed(index: number, inputs: TransformerInputs, after: number): Promise<boolean> {
    const { cache, keep } = this.shared!;
    const release = await cache.claim(this.#name(index, after));
    if (!release) return false;
    try {
      // Somebody may have finished it between the look and the claim.
      if (await cache.has(this.#name(index, after))) return true;
      const wanted = new Set([...keep, after]);
      const deepest = Math.max(...wanted);
      const { state: first, context } = await this.transformer.begin(inputs);
      let state = first;
      try {
        for (let block = 0; block <= deepest; block++) {
          const next = await this.transformer.runBlock(block, state, context);
          tf.dispose([state.image, state.text]);
          state = next;
          if (wanted.has(block)) await cache.store(this.#name(index, block), await this.#values(state));
        }
      } finally {
        tf.dispose([state.image, state.text]);
        this.transformer.disposeContext(context);
      }
      return true;
    } finally {
      await release();
    }
  }

  async #computeAhead(index: number, after: number): Promise<boolean> {
    const { cache } = this.shared!;
    for (let ahead = index + 1; ahead <= index + LOOK_AHEAD; ahead++) {
      if (await cache.has(this.#name(ahead, after))) continue;
      if (await this.#computeClaimed(ahead, this.batches.inputs(ahead), after)) return true;
    }
    return false;
  }

  #name(index: number, block: number): string {
    return `${this.batches.numberOf(index)}-${block}`;
  }

  /** Image, then text. */
  async #values({ image, text }: State): Promise<Float32Array> {
    const values = new Float32Array(image.size + text.size);
    values.set(await image.data());
    values.set(await text.data(), image.size);
    return values;
  }

  #state(values: Float32Array, { batch, imageTokens, textTokens }: TransformerInputs): State {
    const { width } = this.transformer.config;
    const imageSize = batch * imageTokens * width;
    return {
      image: tf.tensor3d(values.subarray(0, imageSize), [batch, imageTokens, width]),
      text: tf.tensor3d(values.subarray(imageSize), [batch, textTokens, width]),
    };
  }
}

/** Runs the teacher from the input to block `after`. */
export async function teacherBatch(
  transformer: Transformer,
  inputs: TransformerInputs,
  { before, after }: Boundary,
): Promise<TeacherBatch> {
  const { state: first, context } = await transformer.begin(inputs);
  try {
    const steps = (from: number, to: number): Route =>
      Array.from({ length: to - from + 1 }, (_, i) => ({ kind: 'block', index: from + i }));
    const start = await advance(transformer, first, context, steps(0, before));
    const end = await advance(transformer, start, context, steps(before + 1, after));
    if (start !== first) tf.dispose([first.image, first.text]);
    return { inputs, context, before: start, after: end };
  } catch (thrown) {
    transformer.disposeContext(context);
    throw thrown;
  }
}

/** The state after the steps, the caller's own; `state` itself when there is none. */
export async function advance(
  transformer: Transformer,
  state: State,
  context: PassContext,
  steps: Route,
): Promise<State> {
  let current = state;
  for (const step of steps) {
    const next = await transformer.runStep(step, current, context);
    if (current !== state) tf.dispose([current.image, current.text]);
    current = next;
  }
  return current;
}
