/**
 * Lists and sums over a model's blocks. Parameters, tensors and operations of anything in the product come from here, block
 * by block, so that models whose blocks differ need no special case.
 */
import {
  type Architecture,
  type BlockSpec,
  type ModelConfig,
  parametersOf,
  type StreamTokens,
  type TensorSpec,
} from './architecture.ts';
import { familyNamed } from './families.ts';

const known = new WeakMap<ModelConfig, Architecture>();

export function architectureOf(config: ModelConfig): Architecture {
  let architecture = known.get(config);
  if (!architecture) {
    architecture = familyNamed(config.family).describe(config);
    known.set(config, architecture);
  }
  return architecture;
}

export function blockAt({ blocks }: Pick<Architecture, 'blocks'>, index: number): BlockSpec {
  const block = blocks[index];
  if (!block) throw new RangeError(`No block ${index} among ${blocks.length}`);
  return block;
}

/** `name` is the full name. */
export interface ExpectedTensor extends TensorSpec {
  /** Index of the block that it belongs to, or null. */
  readonly block: number | null;
  /** Name without its block's prefix. */
  readonly local: string;
}

/** Every tensor that a checkpoint of this config holds, and no other; it may lack those with a `buffer`. */
export function expectedTensors(config: ModelConfig): ExpectedTensor[] {
  const { globals, blocks } = architectureOf(config);
  return [
    ...globals.map((tensor) => ({ ...tensor, block: null, local: tensor.name })),
    ...blocks.flatMap(({ index, prefix, tensors }) =>
      tensors.map((tensor) => ({ ...tensor, name: `${prefix}${tensor.name}`, block: index, local: tensor.name })),
    ),
  ];
}

/** A total and its parts. */
export interface BlockwiseCount {
  readonly total: number;
  /** One number per block. */
  readonly blocks: readonly number[];
  readonly globals: number;
  /** What the total loses when a block goes, one number per block. */
  readonly saved: readonly number[];
  /** What a run from the block to the last one saves beside that; left out where that is nothing for every block. */
  readonly savedAtEnd?: readonly number[];
}

export function countParameters(config: ModelConfig): BlockwiseCount {
  const { globals, blocks } = architectureOf(config);
  return counted(
    blocks.map(({ parameters }) => parameters),
    parametersOf(globals),
    blocks.map(({ parameters, saves }) => saves?.parameters ?? parameters),
    blocks.map(({ savesAtEnd }) => savesAtEnd?.parameters ?? 0),
  );
}

/** Operations of one forward of one sample. Softmax, norms and other elementwise work are left out, as is usual. */
export function countFlops(config: ModelConfig, tokens: StreamTokens): BlockwiseCount {
  const architecture = architectureOf(config);
  return counted(
    architecture.blocks.map((block) => block.flops(tokens)),
    architecture.globalFlops(tokens),
    architecture.blocks.map(({ saves, ...block }) => (saves ?? block).flops(tokens)),
    architecture.blocks.map(({ savesAtEnd }) => savesAtEnd?.flops(tokens) ?? 0),
  );
}

/** What costs by block do not show, in a sentence for people, or null. */
export function costNoteOf(config: ModelConfig): string | null {
  return familyNamed(config.family).costNote?.(config) ?? null;
}

function counted(
  blocks: readonly number[],
  globals: number,
  saved: readonly number[],
  atEnd: readonly number[],
): BlockwiseCount {
  const savedAtEnd = atEnd.some((more) => more !== 0) ? { savedAtEnd: atEnd } : {};
  return { total: globals + blocks.reduce((sum, n) => sum + n, 0), blocks, globals, saved, ...savedAtEnd };
}
