/**
 * A model taken apart, from its config alone: its streams, its stacks, and its blocks one by one with their tensors and
 * costs. Types, and what a family needs to write its own description down.
 */

import type { NotNarrower } from './not-narrower.ts';

export type RawConfig = Readonly<Record<string, unknown>>;

/** What every family's config says; each family adds its own. */
export interface ModelConfig {
  /** Name of the family. */
  readonly family: string;
  readonly className: string;
  /** Of all stacks. */
  readonly numBlocks: number;
  /** D = numHeads · headDim. */
  readonly width: number;
  readonly numHeads: number;
  readonly headDim: number;
  readonly textDim: number;
  /** Features of one image token as the transformer takes it. */
  readonly inChannels: number;
  /** Features of one image token as the transformer gives it. */
  readonly outputFeatures: number;
  /** config.json as it was. */
  readonly raw: RawConfig;
}

/** Names a stream of tokens that runs through the depth, such as `image` or `text`. Declared by the model. */
export type StreamId = string;

export interface StreamSpec {
  readonly id: StreamId;
  /** For labels: "image", "text". */
  readonly label: string;
}

/** A stream and the argument of diffusers' forward whose tokens it carries. */
export interface ModelStream extends StreamSpec {
  readonly input: 'hidden_states' | 'encoder_hidden_states';
}

/** Tokens of each stream in one sample. */
export type StreamTokens = Readonly<Record<StreamId, number>>;

export interface TensorSpec {
  /** Without the prefix of its block. */
  readonly name: string;
  /** As diffusers stores it: a matrix is [out, in]. */
  readonly shape: readonly number[];
  /**
   * Of a table that the class computes and stores with the weights: elements `start` to `end`, exclusive, as they are where a
   * checkpoint leaves the table out. It is no parameter, and is not read with the globals.
   */
  readonly buffer?: (start: number, end: number) => Float32Array<ArrayBuffer>;
}

export interface BlockSpec {
  /** Place on the depth axis, over all stacks, from 0. */
  readonly index: number;
  /** Blocks of one kind hold the same tensors and compute alike: `dual`, `single`. */
  readonly kind: string;
  /** Id of its stack. */
  readonly stack: string;
  /** Place in its stack, from 0. */
  readonly indexInStack: number;
  /** Of its tensors in a diffusers checkpoint, with the dot at the end. */
  readonly prefix: string;
  /** The streams whose state it changes, as far as anything after it reads them. */
  readonly updates: readonly StreamId[];
  /** Ids of its traits; none where it is like most of its stack. */
  readonly traits?: readonly string[];
  readonly tensors: readonly TensorSpec[];
  readonly parameters: number;
  /** Operations of one forward of one sample; a multiply-add is two. */
  flops(tokens: StreamTokens): number;
  /** What the model loses with the block, where that is more than the block's own: the block that becomes the last sheds tensors. */
  readonly saves?: { readonly parameters: number; flops(tokens: StreamTokens): number };
  /**
   * What a run that begins with the block and reaches the last one saves beside the sum over its later blocks: another block than the one
   * before the last becomes the last, and sheds more or less. Left out where that is the same.
   */
  readonly savesAtEnd?: { readonly parameters: number; flops(tokens: StreamTokens): number };
  /** What of it can become narrower; left out where nothing can. */
  readonly parts?: BlockParts;
  /** Why nothing can. */
  readonly notNarrower?: NotNarrower;
  /** Place in the model's shared modulations; left out where its modulation matrices read the whole conditioning. */
  readonly modulatedBy?: number;
  /** It hands its modulated text on, which later blocks attend to in place of a text of their own. */
  readonly carriesText?: boolean;
}

/** Why something does not apply to a block, in a sentence for people. */
export interface NotAPart {
  readonly why: string;
  /** Of a modulation that is there and cannot be replaced. */
  readonly matrices?: readonly ModulationPart[];
}

/** The parts of a block that edits replace (lib/core/edit), each with what goes and what comes. Names are without the block's prefix. */
export interface BlockParts {
  /** Feed-forward layers by stream. */
  readonly ffn: Readonly<Record<StreamId, FfnPart | NotAPart>>;
  readonly text: TextPart | NotAPart;
  readonly modulation: readonly ModulationPart[] | NotAPart;
}

/** What blocks' modulation matrices read in place of the conditioning [D]: `rank` numbers of it, or which of the timesteps it is. */
export type SharedModulation = { readonly rank: number } | { readonly timesteps: readonly number[] };

/** A linear residual map of the stream takes the place of feed-forward layers with their norm, modulation and gate. */
export interface FfnPart {
  /** Start of the layers' names: `img_mlp.` */
  readonly layers: string;
  /** Name of the map. */
  readonly linear: string;
  /**
   * The matrix that modulates them, and its rows that only they use, exclusive at the end; left out where the block holds no such
   * matrix.
   */
  readonly modulation?: { readonly matrix: string; readonly from: number; readonly to: number };
}

/** A text stream that is held back: its layers go but for those that queries, keys and values come from. */
export interface TextPart {
  readonly stream: StreamId;
  /** Starts of the names of what goes. */
  readonly layers: readonly string[];
  /** Name of the map from the carried modulated text. */
  readonly projector: string;
  /** Name of the map of the text state itself at the end of a group. */
  readonly end: string;
  /** Kind of a block that holds its text; left out where it is the block's own, with `-held`. */
  readonly kind?: string;
  /** Layers of the text's queries go too, and attention has those of the other tokens alone. */
  readonly dropsQueries?: boolean;
}

/** A layer from the conditioning to shifts, scales and gates. */
export interface ModulationPart {
  readonly matrix: string;
  readonly stream: StreamId;
  /** Conditionings that it is applied to in one forward: 2 where reference images are at a time of their own. */
  readonly times: number;
}

/** What some blocks of a stack have and others have not, for marks and labels; what computes differently is told by the kind. */
export interface BlockTrait {
  readonly id: string;
  /** "dual attention" */
  readonly label: string;
  /** One sentence for people. */
  readonly about: string;
}

/**
 * One half of a block, in all its streams: every attention that the block has, or its feed-forward layers. Where both share the
 * output projection, as in FLUX's single-stream blocks, the projection's bias is of neither half.
 */
export type BlockHalf = 'attention' | 'ffn';
export const BLOCK_HALVES: readonly BlockHalf[] = ['attention', 'ffn'];

/** Consecutive blocks that one list of the checkpoint holds. An interval lies in one stack. */
export interface StackSpec {
  readonly id: string;
  /** For labels: "dual-stream blocks". */
  readonly label: string;
  /** Of the checkpoint's names, without a block's number: `transformer_blocks.`. */
  readonly prefix: string;
  readonly first: number;
  readonly last: number;
}

/** A stack as files and the page name it. */
export type DeclaredStack = Pick<StackSpec, 'id' | 'label' | 'first' | 'last'>;

/** A block as files and the page know it. */
export type DeclaredBlock = Pick<BlockSpec, 'kind' | 'stack' | 'updates'>;

/** A model taken apart, from its config alone. */
export interface Architecture {
  /** In the order in which they are shown. */
  readonly streams: readonly ModelStream[];
  /** The stream that the output is projected from. */
  readonly output: StreamId;
  readonly stacks: readonly StackSpec[];
  /** In the order in which they run. */
  readonly blocks: readonly BlockSpec[];
  /** In the order in which they are shown; left out where all blocks of a stack are alike. */
  readonly traits?: readonly BlockTrait[];
  /** Embeddings, conditioning and output, by full name. */
  readonly globals: readonly TensorSpec[];
  /** Modulations that blocks share (shared-modulation.ts); left out where there are none. */
  readonly sharedModulations?: readonly SharedModulation[];
  /** Who reads a model whose blocks are made narrower, in a sentence, where no class does; left out where one reads some. */
  readonly narrowerReadBy?: string;
  /** Streams whose feed-forward layers a block loses when runs make it the last one; left out where it keeps all. */
  readonly endsWithout?: readonly StreamId[];
  /** Why blocks cannot share modulations by a basis or a table, in a sentence; left out where blocks have parts that say so. */
  readonly whyNoSharedModulation?: string;
  /** Why a table over timesteps cannot stand for modulations, in a sentence; left out where the timestep alone conditions blocks. */
  readonly conditionedBy?: string;
  /** Why a basis of shared modulations is not trained, in a sentence; left out where all tokens are conditioned alike. */
  readonly whyNoTrainedModulation?: string;
  /** Operations of everything that is no block, of one forward of one sample. */
  globalFlops(tokens: StreamTokens): number;
}

/** First blocks of every stack but the first. */
export function seamsOf(stacks: readonly Pick<StackSpec, 'first'>[]): number[] {
  return stacks.slice(1).map(({ first }) => first);
}

export function parametersOf(tensors: readonly TensorSpec[]): number {
  return tensors.reduce((sum, { shape, buffer }) => sum + (buffer ? 0 : elementsOf(shape)), 0);
}

export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** Weight and bias of a linear layer. */
export function linearTensors(name: string, out: number, input: number): TensorSpec[] {
  return [
    { name: `${name}.weight`, shape: [out, input] },
    { name: `${name}.bias`, shape: [out] },
  ];
}

/** The blocks of one stack, from what differs between them. */
export function stackOf(
  { id, label, prefix, first }: Omit<StackSpec, 'last'>,
  count: number,
  blockAt: (
    indexInStack: number,
    index: number,
  ) => Pick<
    BlockSpec,
    | 'kind'
    | 'updates'
    | 'traits'
    | 'tensors'
    | 'flops'
    | 'saves'
    | 'savesAtEnd'
    | 'parts'
    | 'notNarrower'
    | 'carriesText'
    | 'modulatedBy'
  >,
): { readonly stack: StackSpec; readonly blocks: readonly BlockSpec[] } {
  const blocks = Array.from({ length: count }, (_, indexInStack): BlockSpec => {
    const index = first + indexInStack;
    const block = blockAt(indexInStack, index);
    return {
      ...block,
      index,
      indexInStack,
      stack: id,
      prefix: `${prefix}${indexInStack}.`,
      parameters: parametersOf(block.tensors),
    };
  });
  return { stack: { id, label, prefix, first, last: first + count - 1 }, blocks };
}
