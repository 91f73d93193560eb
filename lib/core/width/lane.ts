/**
 * The states of all batches on one way through the depth, between two blocks. They wait on the engine where they fit there, and
 * in a store otherwise. With checkpoints, an interrupted pass goes on from the last one: then the states are in the store twice for a
 * while, in two turns, so that one block's are whole until the next one's are. Several lanes share the batches' contexts, which belong
 * to whoever made them.
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
import { jsonPiece, putJson, putMatrix, type StateStore } from '../states/index.ts';

export interface Batch {
  readonly inputs: TransformerInputs;
  readonly context: PassContext;
}

export interface LaneParts {
  readonly transformer: Transformer;
  readonly batches: readonly Batch[];
  readonly store: StateStore;
  /** States wait in the store in place of the engine. */
  readonly spills: boolean;
  /** The store outlives the process. */
  readonly lasts?: boolean | undefined;
  /** The store has room for the states twice: where it lasts, checkpoints are kept, and stay there when the lane is disposed. */
  readonly hasRoomTwice?: boolean | undefined;
}

type Turn = 0 | 1;
type Shapes = Readonly<Record<string, [number, number, number]>>;

interface Waiting {
  readonly turn: Turn;
  readonly shapes: Shapes;
}

/** The states of all batches after block `after`, in the store. */
export interface LaneCheckpoint {
  readonly after: number;
  readonly turn: Turn;
  readonly shapes: readonly Shapes[];
}

/** Of the time since the last checkpoint, what one may take. */
const CHECKPOINT_SHARE = 1 / 20;

export class Lane {
  readonly #waiting: (State | Waiting)[] = [];
  /** Keys of the store. */
  readonly #pieces = [new Set<string>(), new Set<string>()] as const;
  #turn: Turn = 0;
  #checkpoint: LaneCheckpoint | null = null;
  #checkpointAt = performance.now();
  #checkpointMs = 0;

  /** `name` tells lanes apart in the store. */
  constructor(
    private readonly parts: LaneParts,
    private readonly name: string,
  ) {}

  /** Of the next batch, in order; the lane owns it. Of what an earlier process left of the lane, nothing is of use then. */
  async push(state: State): Promise<void> {
    const batch = this.#waiting.length;
    this.#waiting.push(state);
    if (this.parts.lasts) await this.#removeLeft(batch, Object.keys(state));
    await this.#keep(batch, state);
  }

  /** Every batch through `step`. `visit` sees each new state, and leaves it to the lane. */
  async advance(
    step: RouteStep,
    pace: Pace,
    visit: (next: State, inputs: TransformerInputs) => Promise<void> = async () => {},
  ): Promise<void> {
    const { transformer, batches, spills } = this.parts;
    const before = this.#turn;
    if (spills && this.#keepsCheckpoints) this.#turn = otherThan(before);
    for (const [batch, { inputs, context }] of batches.entries()) {
      const state = await this.#onEngine(batch);
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
    if (this.#turn !== before && this.#checkpoint?.turn !== before) await this.#remove(before);
  }

  /** Every batch through `steps` one after the other, without moving on. `visit` sees the state after each step. */
  async look(
    steps: readonly RouteStep[],
    pace: Pace,
    visit: (states: readonly State[], inputs: TransformerInputs) => Promise<void>,
  ): Promise<void> {
    const { transformer, batches } = this.parts;
    for (const [batch, { inputs, context }] of batches.entries()) {
      const first = await this.#onEngine(batch);
      const states: State[] = [];
      try {
        for (const step of steps) states.push(await transformer.runStep(step, states.at(-1) ?? first, context));
        await visit(states, inputs);
      } finally {
        for (const state of states) disposeState(state);
        if (first !== this.#waiting[batch]) disposeState(first);
      }
      await pace.breathe();
    }
  }

  /** A lane of its own from here on, without checkpoints. */
  async fork(name: string): Promise<Lane> {
    const fork = new Lane({ ...this.parts, lasts: false }, name);
    try {
      for (const batch of this.parts.batches.keys()) {
        const state = await this.#onEngine(batch);
        await fork.push(state === this.#waiting[batch] ? cloneState(state) : state);
      }
    } catch (thrown) {
      await fork.dispose().catch(() => undefined); // the first failure is the one to tell
      throw thrown;
    }
    return fork;
  }

  /** After each block: kept where the lane lasts and the last one is long ago. States that wait in the store are kept every time. */
  async checkpoint(after: number): Promise<void> {
    const { store, spills } = this.parts;
    const startedAt = performance.now();
    const isDue = startedAt - this.#checkpointAt >= this.#checkpointMs / CHECKPOINT_SHARE;
    if (!this.#keepsCheckpoints || !(spills || isDue)) return;
    const before = this.#checkpoint;
    const turn = spills ? this.#turn : otherThan(before?.turn ?? 1);
    const shapes: Shapes[] = [];
    for (const [batch, waiting] of this.#waiting.entries()) {
      if (!isWaiting(waiting)) await this.#write(batch, waiting, turn);
      shapes.push(isWaiting(waiting) ? waiting.shapes : shapesOf(waiting));
    }
    this.#checkpoint = { after, turn, shapes };
    await putJson(store, this.#checkpointKey(turn), this.#checkpoint);
    if (before) await this.#remove(before.turn);
    this.#checkpointAt = performance.now();
    this.#checkpointMs = this.#checkpointAt - startedAt;
  }

  /** What an earlier process left; null where there is nothing, or not all of it. */
  async storedCheckpoint(): Promise<LaneCheckpoint | null> {
    if (!this.parts.lasts) return null;
    const [first, second] = [await this.#storedAt(0), await this.#storedAt(1)];
    return (first?.after ?? -1) > (second?.after ?? -1) ? first : second;
  }

  /** In place of `push`. */
  async restore(stored: LaneCheckpoint): Promise<void> {
    this.#checkpoint = stored;
    this.#turn = stored.turn;
    for (const key of this.#keysOf(stored)) this.#pieces[stored.turn].add(key);
    for (const [batch, shapes] of stored.shapes.entries()) {
      this.#waiting.push({ turn: stored.turn, shapes });
      if (!this.parts.spills) this.#waiting[batch] = await this.#onEngine(batch);
    }
    if (this.#keepsCheckpoints) return;
    this.#checkpoint = null;
    if (this.parts.spills) await this.parts.store.remove(this.#checkpointKey(stored.turn));
    else await this.#remove(stored.turn);
  }

  /** Frees the engine, and the store unless checkpoints are kept there. */
  async dispose(): Promise<void> {
    for (const waiting of this.#waiting) if (!isWaiting(waiting)) disposeState(waiting);
    this.#waiting.length = 0;
    if (!this.#keepsCheckpoints) await this.forget();
  }

  /** Removes what the lane has in the store. */
  async forget(): Promise<void> {
    this.#checkpoint = null;
    for (const turn of [0, 1] as const) await this.#remove(turn);
  }

  get #keepsCheckpoints(): boolean {
    const { lasts = false, hasRoomTwice = true } = this.parts;
    return lasts && hasRoomTwice;
  }

  /** The lane's own state where it is there, else one that the caller frees. */
  async #onEngine(batch: number): Promise<State> {
    const waiting = this.#waiting[batch];
    if (!waiting) throw new RangeError(`The lane has no batch ${batch}`);
    if (!isWaiting(waiting)) return waiting;
    const state: Record<string, tf.Tensor3D> = {};
    try {
      for (const [stream, shape] of Object.entries(waiting.shapes)) {
        const values = await this.parts.store.read(this.#keyOf(waiting.turn, batch, stream));
        state[stream] = tf.tensor3d(values, shape);
      }
    } catch (thrown) {
      disposeState(state);
      throw thrown;
    }
    return state;
  }

  /** The lane's own state of the batch goes to where it waits. */
  async #keep(batch: number, state: State): Promise<void> {
    this.#waiting[batch] = state;
    if (!this.parts.spills) return;
    await this.#write(batch, state, this.#turn);
    this.#waiting[batch] = { turn: this.#turn, shapes: shapesOf(state) };
    disposeState(state);
  }

  async #write(batch: number, state: State, turn: Turn): Promise<void> {
    const { store } = this.parts;
    for (const [stream, x] of Object.entries(state)) {
      const key = this.#keyOf(turn, batch, stream);
      this.#pieces[turn].add(key);
      await putMatrix(store, key, await x.data<'float32'>(), x.shape[2]);
    }
  }

  async #remove(turn: Turn): Promise<void> {
    if (this.parts.lasts) await this.parts.store.remove(this.#checkpointKey(turn));
    for (const key of this.#pieces[turn]) await this.parts.store.remove(key);
    this.#pieces[turn].clear();
  }

  async #removeLeft(batch: number, streams: readonly string[]): Promise<void> {
    const { store } = this.parts;
    for (const turn of [0, 1] as const) {
      await store.remove(this.#checkpointKey(turn));
      for (const stream of streams) await store.remove(this.#keyOf(turn, batch, stream));
    }
  }

  async #storedAt(turn: Turn): Promise<LaneCheckpoint | null> {
    const { store } = this.parts;
    const stored = await jsonPiece<LaneCheckpoint>(store, this.#checkpointKey(turn));
    if (!stored) return null;
    for (const key of this.#keysOf(stored)) if (!(await store.shape(key))) return null;
    return stored;
  }

  #checkpointKey(turn: Turn): string {
    return `lane/${this.name}-checkpoint-${turn}`;
  }

  #keysOf({ turn, shapes }: LaneCheckpoint): string[] {
    return shapes.flatMap((of, batch) => Object.keys(of).map((stream) => this.#keyOf(turn, batch, stream)));
  }

  /** Names of streams are keys of a store but for their blanks. */
  #keyOf(turn: Turn, batch: number, stream: string): string {
    return `lane/${this.name}-${turn}-${batch}-${stream.replaceAll(' ', '_')}`;
  }
}

function otherThan(turn: Turn): Turn {
  return turn === 0 ? 1 : 0;
}

function shapesOf(state: State): Shapes {
  return Object.fromEntries(Object.entries(state).map(([stream, { shape }]) => [stream, shape]));
}

function isWaiting(waiting: State | Waiting): waiting is Waiting {
  return 'turn' in waiting && typeof waiting.turn === 'number';
}
