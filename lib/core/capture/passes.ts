/**
 * The states of all batches between two blocks. They wait on the engine where they fit, and in a store otherwise; there
 * they are written in two turns, so that one block's states are whole until the next one's are. In a store they are also
 * what a capture goes on from after an interruption.
 */
import * as tf from '@tensorflow/tfjs-core';
import {
  disposeState,
  type PassContext,
  type State,
  type Transformer,
  type TransformerInputs,
} from '../model/index.ts';
import { jsonPiece, putJson, putMatrix, type StateStore } from '../states/index.ts';

export interface CapturePass {
  readonly inputs: TransformerInputs;
  readonly context: PassContext;
  /** Null while the state waits in the store. */
  state: State | null;
  /** [B, N, D] of each stream, and of what else the block that the state is after gives to later ones. */
  shapes: Shapes;
}

type Shapes = Readonly<Record<string, [number, number, number]>>;

const CHECKPOINT = 'pass/checkpoint';

/** Stored states of all batches. */
export interface StoredPasses {
  /** The block that they are after. */
  readonly after: number;
  /** Which of the two places they are in. */
  readonly turn: 0 | 1;
  /** Of each batch. Missing in stores of earlier versions: those of the embedded input. */
  readonly shapes?: readonly Shapes[];
}

/** What a capture can go on from; null where there is nothing. */
export async function storedPasses(store: StateStore): Promise<StoredPasses | null> {
  return await jsonPiece<StoredPasses>(store, CHECKPOINT);
}

export class Passes {
  readonly all: CapturePass[] = [];
  #stored: StoredPasses | null = null;
  readonly #written = new Set<string>();

  /** With `spills`, states wait in the store. */
  constructor(
    private readonly transformer: Transformer,
    private readonly store: StateStore | null,
    private readonly spills: boolean,
  ) {
    if (spills && !store) throw new RangeError('There is no store for states to wait in');
  }

  /** Without `keepsState` only what all blocks share is made, for `restore`. */
  async begin(inputs: TransformerInputs, keepsState = true): Promise<void> {
    const { state, context } = await this.transformer.begin(inputs);
    this.all.push({ inputs, context, state, shapes: shapesOf(state) });
    if (keepsState) return await this.put(this.all.length - 1, state);
    disposeState(state);
    this.all.at(-1)!.state = null;
  }

  /** In place of the embedded states; false where the stored ones are not whole. */
  async restore(stored: StoredPasses): Promise<boolean> {
    if (!this.store) return false;
    for (const [batch, pass] of this.all.entries()) {
      pass.shapes = stored.shapes?.[batch] ?? pass.shapes;
      for (const stream of Object.keys(pass.shapes)) {
        if (!(await this.store.shape(keyOf(stored.turn, batch, stream)))) return false;
      }
    }
    this.#stored = stored;
    for (const [batch, pass] of this.all.entries()) {
      if (!this.spills) pass.state = await this.#read(batch, pass);
    }
    return true;
  }

  /** On the engine, owned by the pass. */
  async load(batch: number): Promise<State> {
    const pass = this.all[batch]!;
    pass.state ??= await this.#read(batch, pass);
    return pass.state;
  }

  /** `state` is the pass's from now on; its old one is freed. */
  async put(batch: number, state: State): Promise<void> {
    const pass = this.all[batch]!;
    if (pass.state && pass.state !== state) disposeState(pass.state);
    pass.state = state;
    pass.shapes = shapesOf(state);
    if (!this.spills) return;
    await this.#write(batch, pass);
    disposeState(state);
    pass.state = null;
  }

  /** Every batch has been put: what a later capture may go on from. */
  async checkpoint(after: number): Promise<void> {
    if (!this.store || this.#stored?.after === after) return;
    if (!this.spills) for (const [batch, pass] of this.all.entries()) await this.#write(batch, pass);
    const stored = { after, turn: this.#nextTurn, shapes: this.all.map(({ shapes }) => shapes) };
    await putJson(this.store, CHECKPOINT, stored);
    this.#stored = stored;
  }

  /** The stored states, once no capture will go on from them. */
  async forget(): Promise<void> {
    if (!this.store) return;
    await this.store.remove(CHECKPOINT);
    for (const key of this.#written) await this.store.remove(key);
    this.#written.clear();
    for (const [batch, { shapes }] of this.all.entries()) {
      for (const stream of Object.keys(shapes)) {
        for (const turn of [0, 1] as const) await this.store.remove(keyOf(turn, batch, stream));
      }
    }
  }

  dispose(): void {
    for (const { state, context } of this.all) {
      if (state) disposeState(state);
      this.transformer.disposeContext(context);
    }
    this.all.length = 0;
  }

  get #nextTurn(): 0 | 1 {
    return this.#stored?.turn === 0 ? 1 : 0;
  }

  async #write(batch: number, { state, shapes }: CapturePass): Promise<void> {
    if (!this.store || !state) throw new RangeError('There is no state to store');
    for (const [stream, [, , width]] of Object.entries(shapes)) {
      const key = keyOf(this.#nextTurn, batch, stream);
      this.#written.add(key);
      await putMatrix(this.store, key, await state[stream]!.data<'float32'>(), width);
    }
  }

  async #read(batch: number, { shapes }: CapturePass): Promise<State> {
    if (!this.store || this.#stored === null) throw new RangeError('No states are stored');
    const state: Record<string, tf.Tensor3D> = {};
    try {
      for (const [stream, shape] of Object.entries(shapes)) {
        state[stream] = tf.tensor3d(await this.store.read(keyOf(this.#stored.turn, batch, stream)), shape);
      }
    } catch (thrown) {
      disposeState(state);
      throw thrown;
    }
    return state;
  }
}

function shapesOf(state: State): Shapes {
  return Object.fromEntries(Object.entries(state).map(([stream, { shape }]) => [stream, shape]));
}

function keyOf(turn: 0 | 1, batch: number, stream: string): string {
  return `pass/${turn}-${batch}-${stream.replaceAll(' ', '-')}`;
}
