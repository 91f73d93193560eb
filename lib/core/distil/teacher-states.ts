/**
 * The teacher's states around an interval, batch by batch: what a student of non-sequential distillation sees and what it
 * should make of it. Runs the teacher only where the cache does not hold the states, and then leaves there what the run's
 * other intervals will ask for. Processes that share a cache share the work: who finds a batch being computed by another
 * computes one of the next batches meanwhile.
 */
import * as tf from '@tensorflow/tfjs-core';
import {
  disposeState,
  elementsOf,
  type PassContext,
  type Route,
  type State,
  streamTokens,
  type Transformer,
  type TransformerInputs,
} from '../model/index.ts';
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
  disposeState(before);
  disposeState(after);
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
/** Longer than any batch takes; then it is computed here, whoever has claimed it. */
const MAX_WAIT_MS = 120_000;

export class TeacherStates {
  constructor(
    private readonly transformer: Transformer,
    private readonly batches: TrainingBatches,
    private readonly shared: SharedStates | null,
  ) {}

  async at(index: number, boundary: Boundary, signal?: AbortSignal): Promise<TeacherBatch> {
    const inputs = this.batches.inputs(index);
    const startedAt = performance.now();
    while (this.shared?.cache.hasRoom) {
      const cached = await this.#cached(index, inputs, boundary);
      if (cached) return cached;
      await pause(signal);
      // Whoever computes it may have died in a way that its claim does not tell.
      if (performance.now() - startedAt > MAX_WAIT_MS) break;
      if (await this.#computeClaimed(index, inputs, boundary)) continue;
      if (!(await this.#computeAhead(index, boundary))) await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    }
    const cached = this.shared && (await this.#cached(index, inputs, boundary));
    return cached ?? (await teacherBatch(this.transformer, inputs, boundary));
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
    disposeState(state);
    return { inputs, context, before: this.#state(first, inputs), after: this.#state(last, inputs) };
  }

  /** True once the batch's states have been computed, and kept where there was room. */
  async #computeClaimed(index: number, inputs: TransformerInputs, boundary: Boundary): Promise<boolean> {
    const { cache, keep } = this.shared!;
    // One claim for a batch, whatever the states that are wanted of it: intervals differ in those.
    const release = await cache.claim(String(this.batches.numberOf(index)));
    if (!release) return false;
    try {
      // Somebody may have finished it between the look and the claim.
      if (await this.#holds(index, boundary)) return true;
      const wanted = new Set([...keep, boundary.before, boundary.after]);
      const deepest = Math.max(...wanted);
      const { state: first, context } = await this.transformer.begin(inputs);
      let state = first;
      try {
        for (let block = 0; block <= deepest; block++) {
          const next = await this.transformer.runBlock(block, state, context);
          disposeState(state);
          state = next;
          if (wanted.has(block)) await cache.store(this.#name(index, block), await this.#values(state));
        }
      } finally {
        disposeState(state);
        this.transformer.disposeContext(context);
      }
      return true;
    } finally {
      await release();
    }
  }

  async #computeAhead(index: number, boundary: Boundary): Promise<boolean> {
    for (let ahead = index + 1; ahead <= index + LOOK_AHEAD; ahead++) {
      if (await this.#holds(ahead, boundary)) continue;
      if (await this.#computeClaimed(ahead, this.batches.inputs(ahead), boundary)) return true;
    }
    return false;
  }

  async #holds(index: number, { before, after }: Boundary): Promise<boolean> {
    const { cache } = this.shared!;
    const blocks = before < 0 ? [after] : [before, after];
    return (await Promise.all(blocks.map((block) => cache.has(this.#name(index, block))))).every(Boolean);
  }

  #name(index: number, block: number): string {
    return `${this.batches.numberOf(index)}-${block}`;
  }

  /** Every stream in the order in which the model declares them. */
  async #values(state: State): Promise<Float32Array> {
    const parts = this.transformer.architecture.streams.map(({ id }) => state[id]!);
    const values = new Float32Array(parts.reduce((sum, { size }) => sum + size, 0));
    let at = 0;
    for (const part of parts) {
      values.set(await part.data(), at);
      at += part.size;
    }
    return values;
  }

  #state(values: Float32Array, inputs: TransformerInputs): State {
    const { config, architecture } = this.transformer;
    let at = 0;
    return Object.fromEntries(
      architecture.streams.map((stream) => {
        const shape: [number, number, number] = [inputs.batch, streamTokens(inputs, stream), config.width];
        const size = elementsOf(shape);
        at += size;
        return [stream.id, tf.tensor3d(values.subarray(at - size, at), shape)];
      }),
    );
  }
}

/** Runs the teacher from the input to block `after`. */
export async function teacherBatch(
  transformer: Transformer,
  inputs: TransformerInputs,
  { before, after }: Boundary,
): Promise<TeacherBatch> {
  const { state: first, context } = await transformer.begin(inputs);
  const made = [first];
  try {
    const steps = (from: number, to: number): Route =>
      Array.from({ length: to - from + 1 }, (_, i) => ({ kind: 'block', index: from + i }));
    const start = await advance(transformer, first, context, steps(0, before));
    if (start !== first) {
      made.push(start);
      disposeState(first);
      made.shift();
    }
    const end = await advance(transformer, start, context, steps(before + 1, after));
    return { inputs, context, before: start, after: end };
  } catch (thrown) {
    for (const state of made) disposeState(state);
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
  const letGo = () => {
    if (current !== state) disposeState(current);
  };
  for (const step of steps) {
    const next = await transformer.runStep(step, current, context).catch((thrown: unknown) => {
      letGo();
      throw thrown;
    });
    letGo();
    current = next;
  }
  return current;
}

/** The state after the steps, from the embedded input on; the caller's own. `context` is that of the same inputs. */
export async function alongRoute(
  transformer: Transformer,
  inputs: TransformerInputs,
  context: PassContext,
  steps: Route,
): Promise<State> {
  const { state, context: unused } = await transformer.begin(inputs);
  transformer.disposeContext(unused);
  if (steps.length === 0) return state;
  try {
    return await advance(transformer, state, context, steps);
  } finally {
    disposeState(state);
  }
}
