/**
 * The teacher's states around an interval, batch by batch: what a student of non-sequential distillation sees and what it
 * should make of it. The teacher runs for a window of batches at once, block after block (sweep.ts), and only where the
 * cache does not hold the states; it leaves there what the run's other intervals will ask for. Processes that share a cache
 * share the work: who finds a window being computed by another computes the next one meanwhile. Where the cache has no room
 * a window is kept in memory, for the one interval.
 */
import * as tf from '@tensorflow/tfjs-core';
import {
  type BlockSteps,
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
import {
  DEFAULT_SWEEP_BYTES,
  keptBytes,
  privateWindow,
  type StateDType,
  sharedWindow,
  type WindowLimits,
} from '../run/teacher-windows.ts';
import { roundedToBfloat } from '../tensor/float.ts';
import { advance } from './along-route.ts';
import type { StateCache } from './state-cache.ts';
import { beginPass, endPass, type SweepPass, sweep } from './sweep.ts';
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

export interface SweepSettings {
  /** Batches that the run asks for, of indices from 0 on. */
  readonly batches: number;
  /** Memory that a window's states may take. */
  readonly sweepBytes: number;
  readonly dtype: StateDType;
}

/** Of somebody who takes one batch after the other and does not say how many. */
const OPEN_END: SweepSettings = { batches: Number.POSITIVE_INFINITY, sweepBytes: DEFAULT_SWEEP_BYTES, dtype: 'f32' };

/** Indices of consecutive batches that go through the teacher together; `to` is exclusive. */
interface Window {
  readonly from: number;
  readonly to: number;
}

interface NamedPass extends SweepPass {
  readonly number: number;
}

/** How far ahead of the window that is waited for, in windows of one batch; of larger ones only the next is computed. */
const LOOK_AHEAD = 4;
/** Between two looks at what somebody else computes: the wait doubles from the first to the second. */
const WAIT_MS = 10;
const LONGEST_WAIT_MS = 1_000;

export class TeacherStates {
  /** States of a window that is this process's alone, by the cache's names. */
  readonly #memory = new Map<string, Float32Array>();

  constructor(
    private readonly transformer: Transformer,
    private readonly batches: TrainingBatches,
    private readonly shared: SharedStates | null,
    private readonly settings: SweepSettings = OPEN_END,
    /** What runs at each block, where states are those of an edited model; the cache is then for its states alone. */
    private readonly steps: BlockSteps | null = null,
  ) {}

  async at(index: number, boundary: Boundary, signal?: AbortSignal): Promise<TeacherBatch> {
    const inputs = this.batches.inputs(index);
    let waitMs = WAIT_MS;
    while (this.shared && this.shared.cache.freeBytes > 0) {
      const cached = await this.#cached(index, inputs, boundary);
      if (cached) return cached;
      await pause(signal);
      const window = this.#windowOf(index, this.#sharedSize(inputs, boundary));
      const found = await this.#sweepClaimed(window, index, boundary, signal);
      if (found === 'no room') break;
      if (found !== 'claimed' || (await this.#sweepAhead(window, boundary, signal))) {
        waitMs = WAIT_MS;
        continue;
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
    }
    const cached = this.shared && (await this.#cached(index, inputs, boundary));
    return cached ?? (await this.#own(index, inputs, boundary, signal));
  }

  /** Whole windows of an epoch, the last of which may be smaller. */
  #windowOf(index: number, size: number): Window {
    const { batches } = this.settings;
    const epoch = this.batches.distinct ?? batches;
    const epochFrom = Number.isFinite(epoch) ? index - (index % epoch) : 0;
    const from = epochFrom + Math.floor((index - epochFrom) / size) * size;
    return { from, to: Math.min(from + size, epochFrom + epoch) };
  }

  #limits(inputs: TransformerInputs, boundary: Boundary): WindowLimits {
    const { batches, sweepBytes, dtype } = this.settings;
    const { architecture, config, residentBlocks } = this.transformer;
    const tokens = architecture.streams.reduce((sum, stream) => sum + streamTokens(inputs, stream), 0);
    return {
      stateBytes: 4 * inputs.batch * tokens * config.width,
      dtype,
      boundaries: this.#wanted(boundary).length,
      cacheBytes: this.shared?.cache.sizeBytes ?? 0,
      sweepBytes,
      batches: Math.min(batches, this.batches.distinct ?? batches),
      isResident: Math.max(...this.#wanted(boundary)) < residentBlocks,
    };
  }

  #sharedSize(inputs: TransformerInputs, boundary: Boundary): number {
    return sharedWindow(this.#limits(inputs, boundary));
  }

  /** In ascending order; the embedded input costs nothing and is not kept. */
  #wanted({ before, after }: Boundary): number[] {
    const all = new Set([...(this.shared?.keep ?? []), before, after]);
    return [...all].filter((block) => block >= 0).sort((a, b) => a - b);
  }

  async #cached(index: number, inputs: TransformerInputs, { before, after }: Boundary): Promise<TeacherBatch | null> {
    const { cache } = this.shared!;
    const [first, last] = await Promise.all([
      before < 0 ? null : cache.load(this.#name(index, before)),
      cache.load(this.#name(index, after)),
    ]);
    if (!last || (!first && before >= 0)) return null;
    return await this.#around(inputs, first, last);
  }

  /** The batch between these states, and its embedded input for the first where that is null. */
  async #around(inputs: TransformerInputs, first: Float32Array | null, last: Float32Array): Promise<TeacherBatch> {
    const { state, context } = await this.transformer.begin(inputs);
    if (!first) return { inputs, context, before: state, after: this.#state(last, inputs) };
    disposeState(state);
    return { inputs, context, before: this.#state(first, inputs), after: this.#state(last, inputs) };
  }

  /** Computes what is missing of a window, as far as there is room for it. */
  async #sweepClaimed(
    window: Window,
    asked: number,
    boundary: Boundary,
    signal?: AbortSignal,
  ): Promise<'held' | 'swept' | 'claimed' | 'no room'> {
    const { cache } = this.shared!;
    // One claim for a window, whatever the states that are wanted of it: intervals differ in those.
    const claim = await cache.claim(this.#claimName(window));
    if (!claim) return 'claimed';
    try {
      // Somebody may have finished it between the look and the claim.
      const missing: number[] = [];
      for (let index = window.from; index < window.to; index++) {
        if (!(await this.#holds(index, boundary))) missing.push(index);
      }
      if (!missing.includes(asked)) return 'held';
      const perBatch = keptBytes(this.#limits(this.batches.inputs(asked), boundary));
      const taken = missing.slice(0, Math.floor(cache.freeBytes / perBatch));
      if (!taken.includes(asked)) return 'no room';
      let isComplete = true;
      await this.#sweep(taken, this.#wanted(boundary), true, signal, async (name, values) => {
        await claim.renew();
        if (!(await cache.store(name, values))) isComplete = false;
      });
      return isComplete ? 'swept' : 'no room';
    } finally {
      await claim.release();
    }
  }

  /** True once a window after this one has been computed. */
  async #sweepAhead(window: Window, boundary: Boundary, signal?: AbortSignal): Promise<boolean> {
    const size = window.to - window.from;
    const furthest = size === 1 ? LOOK_AHEAD : 1;
    for (let ahead = 0, from = window.to; ahead < furthest && from < this.settings.batches; ahead++) {
      const next = this.#windowOf(from, size);
      if ((await this.#sweepClaimed(next, next.from, boundary, signal)) === 'swept') return true;
      from = next.to;
    }
    return false;
  }

  /** Where no cache holds it: a window of one's own interval, held in memory until the next one. */
  async #own(
    index: number,
    inputs: TransformerInputs,
    boundary: Boundary,
    signal?: AbortSignal,
  ): Promise<TeacherBatch> {
    const size = privateWindow(this.#limits(inputs, boundary));
    // Nothing is gained by the detour over memory.
    if (size === 1 && this.settings.dtype === 'f32') {
      return await teacherBatch(this.transformer, inputs, boundary, this.steps);
    }
    const { before, after } = boundary;
    const held = () => {
      const [first, last] = [this.#memory.get(this.#name(index, before)), this.#memory.get(this.#name(index, after))];
      return last && (first || before < 0) ? { first: first ?? null, last } : null;
    };
    if (!held()) {
      this.#memory.clear();
      const { from, to } = this.#windowOf(index, size);
      const missing: number[] = [];
      for (let i = from; i < to; i++) {
        if (i === index || !this.shared || !(await this.#holds(i, boundary))) missing.push(i);
      }
      const wanted = [before, after].filter((block) => block >= 0);
      await this.#sweep(missing, wanted, false, signal, async (name, values) => {
        this.#memory.set(name, values);
      });
    }
    const { first, last } = held()!;
    return await this.#around(inputs, first, last);
  }

  /** `keep` gets the state after each wanted block (ascending), rounded where the settings say so. */
  async #sweep(
    indices: readonly number[],
    wanted: readonly number[],
    resumes: boolean,
    signal: AbortSignal | undefined,
    keep: (name: string, values: Float32Array) => Promise<void>,
  ): Promise<void> {
    const passes: NamedPass[] = [];
    try {
      for (const index of indices) {
        const pass = {
          ...(await beginPass(this.transformer, this.batches.inputs(index))),
          number: this.#number(index),
        };
        passes.push(pass);
        if (resumes) await this.#takeUp(pass, wanted);
      }
      await sweep(
        this.transformer,
        passes,
        wanted.at(-1)!,
        async (pass) => {
          if (!wanted.includes(pass.block)) return;
          await keep(stateName(pass.number, pass.block), await this.#values(pass.state));
        },
        signal,
        this.steps,
      );
    } finally {
      for (const pass of passes) endPass(this.transformer, pass);
    }
  }

  /**
   * Goes on behind the deepest state that a sweep which was cut off has left, where everything before it is there as well.
   * Rounded states are no start: what follows them would depend on where a sweep was cut off.
   */
  async #takeUp(pass: NamedPass, wanted: readonly number[]): Promise<void> {
    if (this.settings.dtype !== 'f32') return;
    const { cache } = this.shared!;
    let deepest = -1;
    for (const block of wanted) {
      if (!(await cache.has(stateName(pass.number, block)))) break;
      deepest = block;
    }
    const values = deepest < 0 ? null : await cache.load(stateName(pass.number, deepest));
    if (!values) return;
    disposeState(pass.state);
    pass.state = this.#state(values, pass.inputs);
    pass.block = deepest;
  }

  async #holds(index: number, { before, after }: Boundary): Promise<boolean> {
    const { cache } = this.shared!;
    const blocks = before < 0 ? [after] : [before, after];
    return (await Promise.all(blocks.map((block) => cache.has(this.#name(index, block))))).every(Boolean);
  }

  #number(index: number): number {
    return this.batches.numberOf(index);
  }

  #name(index: number, block: number): string {
    return stateName(this.#number(index), block);
  }

  #claimName({ from, to }: Window): string {
    return to - from === 1 ? String(this.#number(from)) : `${this.#number(from)}-and-${to - from - 1}`;
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
    return this.settings.dtype === 'f32' ? values : roundedToBfloat(values);
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

/** Of the state of a batch after a block, in the cache and in memory. */
function stateName(batch: number, block: number): string {
  return `${batch}-${block}`;
}

/** Runs the teacher from the input to block `after`, with `edited` steps in the place of its blocks where there are some. */
export async function teacherBatch(
  transformer: Transformer,
  inputs: TransformerInputs,
  { before, after }: Boundary,
  edited: BlockSteps | null = null,
): Promise<TeacherBatch> {
  const { state: first, context } = await transformer.begin(inputs);
  const made = [first];
  try {
    const steps = (from: number, to: number): Route => {
      if (edited) return edited.slice(from, to + 1).filter((step) => step !== null);
      return Array.from({ length: to - from + 1 }, (_, i) => ({ kind: 'block', index: from + i }));
    };
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
