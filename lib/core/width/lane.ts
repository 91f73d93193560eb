/**
 * The states of all batches on one way through the depth, between two blocks. They wait on the engine where they fit there, and
 * in a store otherwise. Several lanes share the batches' contexts, which belong to whoever made them.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Pace } from '../analysis/index.ts';
import {
  cloneState,
  disposeState,
  type PassContext,
  type RouteStep,
  type State,
  type Transformer,
  type TransformerInputs,
} from '../model/index.ts';
import type { StateStore } from '../states/index.ts';

export interface Batch {
  readonly inputs: TransformerInputs;
  readonly context: PassContext;
}

export interface LaneParts {
  readonly transformer: Transformer;
  readonly batches: readonly Batch[];
  /** Where states wait; null for the engine. */
  readonly store: StateStore | null;
}

interface Waiting {
  readonly key: string;
  readonly shapes: Readonly<Record<string, [number, number, number]>>;
}

export class Lane {
  readonly #waiting: (State | Waiting)[] = [];
  #turn = 0;

  /** `name` tells lanes apart in the store. */
  constructor(
    private readonly parts: LaneParts,
    private readonly name: string,
  ) {}

  /** Of the next batch, in order; the lane owns it. */
  async push(state: State): Promise<void> {
    const batch = this.#waiting.length;
    this.#waiting.push(state);
    await this.#keep(batch, state);
  }

  /** Every batch through `step`. `visit` sees each new state, and leaves it to the lane. */
  async advance(
    step: RouteStep,
    pace: Pace,
    visit: (next: State, inputs: TransformerInputs) => Promise<void> = async () => {},
  ): Promise<void> {
    const { transformer, batches } = this.parts;
    this.#turn = 1 - this.#turn;
    for (const [batch, { inputs, context }] of batches.entries()) {
      const state = await this.#take(batch);
      let next: State;
      try {
        next = await transformer.runStep(step, state, context);
      } finally {
        disposeState(state);
      }
      this.#waiting[batch] = next;
      await visit(next, inputs);
      await this.#keep(batch, next);
      await pace.breathe();
    }
  }

  /** Every batch through `steps` one after the other, without moving on. `visit` sees the state after each step. */
  async look(
    steps: readonly RouteStep[],
    pace: Pace,
    visit: (states: readonly State[], inputs: TransformerInputs) => Promise<void>,
  ): Promise<void> {
    const { transformer, batches } = this.parts;
    for (const [batch, { inputs, context }] of batches.entries()) {
      const first = await this.#take(batch);
      const states: State[] = [];
      try {
        for (const step of steps) states.push(await transformer.runStep(step, states.at(-1) ?? first, context));
        await visit(states, inputs);
      } finally {
        for (const state of states) disposeState(state);
        await this.#keep(batch, first);
      }
      await pace.breathe();
    }
  }

  /** A lane of its own from here on. */
  async fork(name: string): Promise<Lane> {
    const fork = new Lane(this.parts, name);
    for (const batch of this.parts.batches.keys()) {
      const state = await this.#take(batch);
      await fork.push(cloneState(state));
      await this.#keep(batch, state);
    }
    return fork;
  }

  async dispose(): Promise<void> {
    for (const waiting of this.#waiting) {
      if (!isWaiting(waiting)) disposeState(waiting);
      else
        for (const stream of Object.keys(waiting.shapes)) await this.parts.store?.remove(pieceOf(waiting.key, stream));
    }
    this.#waiting.length = 0;
  }

  async #take(batch: number): Promise<State> {
    const waiting = this.#waiting[batch];
    if (!waiting) throw new RangeError(`The lane has no batch ${batch}`);
    if (!isWaiting(waiting)) return waiting;
    const state: Record<string, tf.Tensor3D> = {};
    for (const [stream, shape] of Object.entries(waiting.shapes)) {
      const key = pieceOf(waiting.key, stream);
      state[stream] = tf.tensor3d(await this.parts.store!.read(key), shape);
      await this.parts.store!.remove(key);
    }
    this.#waiting[batch] = state;
    return state;
  }

  /** The lane's own state of the batch goes to where it waits. */
  async #keep(batch: number, state: State): Promise<void> {
    const { store } = this.parts;
    this.#waiting[batch] = state;
    if (!store) return;
    const key = `lane/${this.name}-${this.#turn}-${batch}`;
    for (const [stream, x] of Object.entries(state)) {
      const [samples, tokens, width] = x.shape;
      await store.create(pieceOf(key, stream), samples * tokens, width);
      await store.write(pieceOf(key, stream), 0, await x.data<'float32'>());
      await store.seal(pieceOf(key, stream));
    }
    this.#waiting[batch] = {
      key,
      shapes: Object.fromEntries(Object.entries(state).map(([id, { shape }]) => [id, shape])),
    };
    disposeState(state);
  }
}

function isWaiting(waiting: State | Waiting): waiting is Waiting {
  return typeof waiting.key === 'string';
}

/** Names of streams are keys of a store but for their blanks. */
function pieceOf(key: string, stream: string): string {
  return `${key}-${stream.replaceAll(' ', '_')}`;
}
