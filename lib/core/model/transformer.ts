/**
 * What every family's transformer looks like to the rest of the product: begin, run a block, project. One folder per
 * family implements it; nobody outside that folder knows which. Tensors of a State are owned by whoever received them.
 */
import type * as tf from '@tensorflow/tfjs-core';
import type { Architecture, ModelConfig, StreamId } from './architecture.ts';
import type { Route, RouteStep } from './route.ts';
import type { WeightSet } from './weights.ts';

/** Frames, height and width of an image, in tokens. */
export type ImageShape = readonly [number, number, number];

export interface TransformerInputs {
  /** Packed image tokens [B, Ni, inChannels], also where diffusers takes pictures (latents.ts). */
  readonly hiddenStates: Float32Array;
  readonly imageTokens: number;
  /** Text embeddings [B, Nt, textDim]. */
  readonly encoderHiddenStates: Float32Array;
  readonly textTokens: number;
  /** [B, Nt], 1 = valid; null when every token is. */
  readonly mask: Uint8Array | null;
  /** [B], as diffusers takes it; pipelines pass 0 to the family's `timeScale`. */
  readonly timestep: Float32Array;
  /**
   * The images of one sample, whose positions hold for the whole batch: diffusers reads positions from the first sample's alone.
   * Null where positions are given instead.
   */
  readonly imageShapes: readonly ImageShape[] | null;
  /** The images of each sample, where a file says that they differ. */
  readonly shapesOfSamples?: readonly (readonly ImageShape[])[] | undefined;
  readonly batch: number;
  /** The family's further arguments (`Family.extraInputs`), by diffusers' name; every one that the family declares. */
  readonly extra: Readonly<Record<string, ExtraValues>>;
}

export interface ExtraValues {
  /** [B, …] where there is one slice per sample, else the same for the whole batch. */
  readonly values: Float32Array;
  readonly perSample: boolean;
}

/** The state of every stream that the model declares, [B, N, D] each. */
export type State = Readonly<Record<StreamId, tf.Tensor3D>>;

/** What all blocks of one forward share (conditioning, rotary tables, mask). Opaque; free with `disposeContext`. */
export interface PassContext {
  readonly batch: number;
}

/** What blocks read in place of the context's conditioning [B, D], by block. */
export type Conditionings = ReadonlyMap<number, tf.Tensor2D>;

/** Which streams a step computes: all that its block updates, or those alone that the output is made of. */
export type WantedStreams = 'updated' | 'output';

/** Calls must not overlap: await one before the next, as block weights may be exchanged in between. */
export interface Transformer {
  readonly config: ModelConfig;
  readonly architecture: Architecture;
  /** So many of the first blocks stay on the engine once they are read; the others are read whenever they run. */
  readonly residentBlocks: number;
  /** Embeds the inputs; rejects with `inputs-invalid` when they do not fit the model. */
  begin(inputs: TransformerInputs): Promise<{ state: State; context: PassContext }>;
  /** Reads the block's weights now, so that `runBlock` is compute alone. */
  loadBlock(index: number): Promise<void>;
  /** Begins to read a block that is loaded next, while another one runs; up to `aheadBytes` of it wait in memory. */
  prefetchBlock(index: number, aheadBytes?: number): void;
  /** Lets go of the weights of blocks that do not stay; they are read again when they are needed. */
  releaseBlocks(): void;
  /** New tensors, owned by the caller; the input is untouched. A stream that the block does not update is returned as it came. */
  runBlock(index: number, state: State, context: PassContext): Promise<State>;
  /** One step of a route: new tensors, owned by the caller; the input is untouched. Streams that are not wanted are returned as they came. */
  runStep(step: RouteStep, state: State, context: PassContext, wanted?: WantedStreams): Promise<State>;
  /** The block's weights as tensors of the caller's own: [in, out] matrices and vectors, by name without the block's prefix. */
  readBlock(index: number): Promise<WeightSet>;
  /** The same in whichever layout blocks run with, for `applyBlock` alone: without a copy where the block stays. */
  holdBlock(index: number): Promise<WeightSet>;
  /**
   * Block `index` with the weights given, differentiable in them and in the state. `carriesText`: it hands its modulated text on.
   * Call inside tf.tidy or a gradient.
   */
  applyBlock(
    index: number,
    weights: WeightSet,
    state: State,
    context: PassContext,
    wanted: WantedStreams,
    carriesText?: boolean,
  ): State;
  /** Output tokens [B, Ni, p²·out], owned by the caller; differentiable in the state. */
  project(state: State, context: PassContext): tf.Tensor3D;
  /** The tensors that blocks read of the context, by name; still the context's own. */
  contextTensors(context: PassContext): ReadonlyMap<string, tf.Tensor>;
  /**
   * The context with another conditioning for some blocks, of families whose blocks read one (`context.conditioning`); those tensors
   * stay the caller's. The output layer reads the context's own. It ends with the context that it was made of.
   */
  conditioned(context: PassContext, byBlock: Conditionings): PassContext;
  /** The weights outside of the blocks, which `project` reads, by name; still the transformer's own. */
  globalTensors(): Promise<ReadonlyMap<string, tf.Tensor>>;
  disposeContext(context: PassContext): void;
  /** Output tokens [B, Ni, p²·out] along `route`, by default every block. Streams that no later block reads are not computed. */
  forward(inputs: TransformerInputs, route?: Route): Promise<Float32Array>;
  dispose(): void;
}
