/**
 * The half of a transformer that is the same for every family: which weights a step runs with, what it leaves as it came,
 * and who frees what. A family brings the other half as `Layers`.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Architecture, BlockHalf, BlockSpec, ModelConfig, StreamId } from './architecture.ts';
import { blockAt } from './counts.ts';
import { applyProbe } from './layers.ts';
import type { Route, StreamProbes } from './route.ts';
import type {
  Conditionings,
  PassContext,
  State,
  Transformer,
  TransformerInputs,
  WantedStreams,
} from './transformer.ts';
import type { WeightSet, WeightStore } from './weights.ts';

/** Of a block that is read while another one runs. */
const AHEAD_BYTES = 2 ** 27;

/**
 * Everything is called inside tf.tidy but `begin` and `dispose`. Blocks read tensors and sizes of the context, none of its arrays:
 * what they compute is recorded for contexts with tensors of the same shapes.
 */
export interface Layers<Context extends PassContext, S extends State> {
  /** Checks the inputs; the context's tensors are the caller's. */
  begin(inputs: TransformerInputs): Context | Promise<Context>;
  embed(inputs: TransformerInputs, context: Context): S;
  /**
   * Only the streams in `updates` are computed; the others are returned as they came. The half named by `without` adds nothing
   * to any stream.
   */
  runBlock(
    block: BlockSpec,
    weights: WeightSet,
    state: S,
    context: Context,
    updates: readonly StreamId[],
    without: BlockHalf | null,
  ): S;
  project(state: S, context: Context): tf.Tensor3D;
  dispose(context: Context): void;
}

/** `S` is the family's own state: the streams that its architecture declares, by name. */
export function createTransformer<Context extends PassContext, S extends State>(
  config: ModelConfig,
  architecture: Architecture,
  weights: WeightStore,
  layers: Layers<Context, S>,
): Transformer {
  const contexts = new WeakMap<PassContext, { readonly own: Context; readonly byBlock: Conditionings | null }>();
  const found = (context: PassContext) => {
    const known = contexts.get(context);
    if (!known) throw new RangeError('This context is not of this transformer, or was disposed');
    return known;
  };
  const contextOf = (context: PassContext): Context => found(context).own;
  const contextAt = (context: PassContext, index: number): Context => {
    const { own, byBlock } = found(context);
    const conditioning = byBlock?.get(index);
    return conditioning ? { ...own, conditioning } : own;
  };
  // States come from this transformer's own `embed`, by whatever way; what else has its streams is as good.
  const ownState = (state: State): S => {
    for (const { id } of architecture.streams) if (!state[id]) throw new RangeError(`The state has no ${id} stream`);
    return state as S;
  };
  const updatesOf = ({ updates }: BlockSpec, wanted: WantedStreams) =>
    wanted === 'updated' ? updates : updates.filter((stream) => stream === architecture.output);
  const applied = (
    index: number,
    set: WeightSet,
    state: State,
    context: PassContext,
    wanted: WantedStreams,
    without: BlockHalf | null,
    carriesText = false,
  ): S => {
    const spec = blockAt(architecture, index);
    const block = carriesText ? { ...spec, carriesText } : spec;
    return layers.runBlock(block, set, ownState(state), contextAt(context, index), updatesOf(block, wanted), without);
  };

  const transformer: Transformer = {
    config,
    architecture,
    residentBlocks: weights.residentBlocks,
    async begin(inputs) {
      const context = await layers.begin(inputs);
      contexts.set(context, { own: context, byBlock: null });
      return { state: owned(() => layers.embed(inputs, context)), context };
    },
    async loadBlock(index) {
      await weights.block(index);
    },
    prefetchBlock: (index, aheadBytes = AHEAD_BYTES) => weights.prefetch(index, aheadBytes),
    releaseBlocks: () => weights.release(),
    runBlock: (index, state, context) => transformer.runStep({ kind: 'block', index }, state, context),
    async runStep(step, state, context, wanted = 'updated') {
      if (step.kind === 'probe') return owned(() => probed(state, step.probe, wanted, architecture.output));
      const { index } = step;
      const without = step.kind === 'half' || step.kind === 'narrow' ? (step.without ?? null) : null;
      const carriesText = step.kind !== 'half' && step.carriesText;
      const own = step.kind === 'student' || step.kind === 'narrow' ? step.weights : null;
      const whole = own ?? (await weights.block(index));
      if (step.kind !== 'narrow') {
        return owned(() => applied(index, whole, state, context, wanted, without, carriesText));
      }
      const opened = (await step.openMaps?.()) ?? null;
      try {
        const set = whole.with(opened ?? step.maps);
        return owned(() => applied(index, set, state, context, wanted, without, carriesText));
      } finally {
        opened?.dispose();
      }
    },
    async readBlock(index) {
      return (await weights.block(index)).turned();
    },
    async holdBlock(index) {
      return (await weights.block(index)).clone();
    },
    applyBlock: (index, set, state, context, wanted, carriesText) =>
      applied(index, set, state, context, wanted, null, carriesText),
    project: (state, context) => tf.tidy(() => layers.project(ownState(state), contextOf(context))),
    contextTensors: (context) => new Map(tensorsIn(contextOf(context), 'context')),
    globalTensors: async () => new Map((await weights.globals()).entries()),
    conditioned(context, byBlock) {
      const own = contextOf(context);
      const view: PassContext = { batch: own.batch };
      contexts.set(view, { own, byBlock });
      return view;
    },
    disposeContext(context) {
      layers.dispose(contextOf(context));
      contexts.delete(context);
    },
    forward: (inputs, route) => forwardAlong(transformer, inputs, route),
    dispose() {
      weights.dispose();
    },
  };
  return transformer;
}

/** The model's output for `state`, read back from the engine. */
export async function projected(transformer: Transformer, context: PassContext, state: State): Promise<Float32Array> {
  const output = transformer.project(state, context);
  try {
    return Float32Array.from(await output.data());
  } finally {
    output.dispose();
  }
}

/** Output tokens of one pass along `route`, by default every block. */
export async function forwardAlong(
  transformer: Transformer,
  inputs: TransformerInputs,
  route: Route = wholeRoute(transformer.architecture),
): Promise<Float32Array> {
  const { state: first, context } = await transformer.begin(inputs);
  let state = first;
  const lastBlock = route.findLastIndex((step) => step.kind !== 'probe');
  try {
    for (const [position, step] of route.entries()) {
      const next = await transformer.runStep(step, state, context, position < lastBlock ? 'updated' : 'output');
      disposeState(state);
      state = next;
    }
    return await projected(transformer, context, state);
  } finally {
    disposeState(state);
    transformer.disposeContext(context);
  }
}

/** A probe in place of a block, in the streams that it has a map for. */
function probed(state: State, probes: StreamProbes, wanted: WantedStreams, output: StreamId): State {
  return mapState(state, (x, stream) =>
    applyProbe(x, wanted === 'updated' || stream === output ? (probes[stream] ?? null) : null),
  );
}

function wholeRoute({ blocks }: Architecture): Route {
  return blocks.map(({ index }) => ({ kind: 'block', index }));
}

/** By where they are. */
function tensorsIn(value: unknown, path: string): [string, tf.Tensor][] {
  if (value instanceof tf.Tensor) return [[path, value]];
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return [];
  return Object.entries(value).flatMap(([name, part]) => tensorsIn(part, `${path}.${name}`));
}

/** Handles of the caller's own, also where a stream is returned as it came. */
function owned(make: () => State): State {
  return tf.tidy(() => cloneState(make()));
}

/** Every stream through `map`. */
export function mapState(state: State, map: (x: tf.Tensor3D, stream: StreamId) => tf.Tensor3D): State {
  return Object.fromEntries(Object.entries(state).map(([stream, x]) => [stream, map(x, stream)]));
}

export function disposeState(state: State): void {
  tf.dispose(Object.values(state));
}

export function cloneState(state: State): State {
  return mapState(state, (x) => tf.clone(x));
}
