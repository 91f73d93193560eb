/**
 * The blocks of an SD3 transformer: one stack of joint blocks, some with a second attention of the image alone, and a last one
 * without the text's output. Kinds: `joint`, `dual attention`, `last`, `last dual attention`.
 */
import {
  type Architecture,
  type BlockSpec,
  type BlockTrait,
  linearTensors,
  parametersOf,
  type StreamTokens,
  stackOf,
  type TensorSpec,
} from '../architecture.ts';
import type { BlockForm } from '../block-form.ts';
import { jointParts } from '../joint-parts.ts';
import { inOwnForm, isOwn, OWN_READS, ownFormOf, ownStack, ownTraitsOf, type WholeBlock } from '../own-forms.ts';
import type { SD3Config } from './config.ts';
import { positionTable } from './positions.ts';

const TIME_FREQUENCIES = 256;
const MLP_RATIO = 4;
/** Of one head's queries and keys, in the image and in the text. */
const JOINT_NORMS = ['norm_q', 'norm_k', 'norm_added_q', 'norm_added_k'];
const PROJECTIONS = ['to_q', 'to_k', 'to_v', 'to_out.0', 'add_q_proj', 'add_k_proj', 'add_v_proj'];

/** What makes a kind. */
export interface BlockKind {
  /** The image also attends to itself alone. */
  readonly isDual: boolean;
  /** Gives no text. */
  readonly isLast: boolean;
}

const KINDS: Readonly<Record<string, BlockKind>> = {
  joint: { isDual: false, isLast: false },
  'dual attention': { isDual: true, isLast: false },
  last: { isDual: false, isLast: true },
  'last dual attention': { isDual: true, isLast: true },
};

/** Also of a narrower block, whose kind has more words after a dash. */
export function kindOf({ kind }: Pick<BlockSpec, 'kind'>): BlockKind {
  const found = KINDS[kind.split('-')[0] ?? kind];
  if (!found) throw new RangeError(`No block of SD3 is of the kind ${kind}`);
  return found;
}

const DUAL: BlockTrait = {
  id: 'dual-attention',
  label: 'dual attention',
  about: 'The image attends to itself once more, in a second attention beside the joint one.',
};
const NO_TEXT_OUTPUT: BlockTrait = {
  id: 'no-text-output',
  label: 'no text output',
  about: 'The last block holds no layers for the text’s output (context_pre_only), as nothing reads the text after it.',
};

const NO_TEXT_LAYERS = { why: 'The last block gives no text: it has no feed-forward layers of it.' };
const NOTHING_TO_HOLD = { why: 'The last block gives no text: there is nothing to hold back.' };

const WHY_NO_SHARED =
  'Stable Diffusion 3 adds the pooled prompt to the timestep that its blocks are modulated by: that is no curve in one variable, and ' +
  'a basis would have to be fitted to prompts.';

function nameOf(wanted: BlockKind): string {
  const found = Object.entries(KINDS).find(
    ([, kind]) => kind.isDual === wanted.isDual && kind.isLast === wanted.isLast,
  );
  if (!found) throw new RangeError('Every combination has a name');
  return found[0];
}

export function describeSD3(config: SD3Config): Architecture {
  const { width: D, textDim, pooledDim, inChannels, outputFeatures, patchSize, channels, maxPatches } = config;
  const { narrow, numBlocks } = config;
  const last = numBlocks - 1;
  const blockAt = ownStack(narrow, { numBlocks, width: D, isTextReadAfter: false });
  const { stack, blocks } = stackOf(
    { id: 'blocks', label: 'blocks', prefix: 'transformer_blocks.', first: 0 },
    config.numBlocks,
    (place) => {
      const isDual = config.dualAttention.has(place);
      // A last block that holds its text has none of the layers that a last block leaves out.
      const isLast = place === last && !narrow.held.has(place);
      const whole = wholeBlock(config, { isDual, isLast });
      const block = blockAt(place, {
        ...whole,
        traits: [...(isDual ? [DUAL.id] : []), ...(isLast ? [NO_TEXT_OUTPUT.id] : [])],
      });
      if (place === last) return place > 0 ? { ...block, saves: savedWithLast(config, block) } : block;
      const more = savedAtEnd(config, place);
      return more ? { ...block, savesAtEnd: more } : block;
    },
  );
  return {
    streams: [
      { id: 'image', label: 'image', input: 'hidden_states' },
      { id: 'text', label: 'text', input: 'encoder_hidden_states' },
    ],
    whyNoSharedModulation: WHY_NO_SHARED,
    narrowerReadBy: OWN_READS,
    endsWithout: ['text'],
    output: 'image',
    stacks: [stack],
    blocks,
    traits: [DUAL, NO_TEXT_OUTPUT, ...ownTraitsOf(narrow)],
    globals: [
      { name: 'pos_embed.pos_embed', shape: [1, maxPatches ** 2, D], buffer: positionTable(config) },
      { name: 'pos_embed.proj.weight', shape: [D, channels, patchSize, patchSize] },
      { name: 'pos_embed.proj.bias', shape: [D] },
      ...embedder('timestep_embedder', TIME_FREQUENCIES, D),
      ...embedder('text_embedder', pooledDim, D),
      ...linearTensors('context_embedder', D, textDim),
      ...linearTensors('norm_out.linear', 2 * D, D),
      ...linearTensors('proj_out', outputFeatures, D),
    ],
    globalFlops: ({ image = 0, text = 0 }: StreamTokens) =>
      2 * image * inChannels * D +
      2 * text * textDim * D +
      2 * (TIME_FREQUENCIES * D + D * D) +
      2 * (pooledDim * D + D * D) +
      4 * D * D +
      2 * image * D * outputFeatures,
  };
}

function wholeBlock(config: SD3Config, kind: BlockKind): WholeBlock {
  const { width: D } = config;
  const parts = jointParts(D, { whyNoShared: WHY_NO_SHARED, modulates: true });
  return {
    kind: nameOf(kind),
    tensors: blockTensors(config, kind),
    flops: (tokens) => blockFlops(D, kind, tokens),
    parts: kind.isLast ? { ...parts, ffn: { ...parts.ffn, text: NO_TEXT_LAYERS }, text: NOTHING_TO_HOLD } : parts,
  };
}

/** What is left of a form in the last block, after which nothing reads the text. */
export function formAtEnd({ text, linearFfn = [] }: BlockForm): BlockForm {
  const linear = linearFfn.filter((stream) => stream !== 'text');
  return { ...(text ? { text: 'projected' } : {}), ...(linear.length > 0 ? { linearFfn: linear } : {}) };
}

/** Where the last block goes, the one before it becomes the last, and loses its text's output as well. */
function savedWithLast(config: SD3Config, { tensors, flops }: WholeBlock): NonNullable<BlockSpec['saves']> {
  const shed = shedAsLast(config, config.numBlocks - 2);
  return {
    parameters: parametersOf(tensors) + shed.parameters,
    flops: (tokens) => flops(tokens) + shed.flops(tokens),
  };
}

/** Where a run from `place` takes all blocks after it, that one becomes the last. A narrower block has less to shed than a whole one. */
function savedAtEnd(config: SD3Config, place: number): BlockSpec['savesAtEnd'] | null {
  const usual = config.numBlocks - 2;
  if (!isOwn(config.narrow) || place === usual) return null;
  const [shed, counted] = [shedAsLast(config, place), shedAsLast(config, usual)];
  return {
    parameters: shed.parameters - counted.parameters,
    flops: (tokens) => shed.flops(tokens) - counted.flops(tokens),
  };
}

/** What a block loses that becomes the last. */
function shedAsLast(config: SD3Config, place: number) {
  const { narrow, width, dualAttention } = config;
  const isDual = dualAttention.has(place);
  const form = ownFormOf(narrow, place);
  const before = inOwnForm(wholeBlock(config, { isDual, isLast: false }), form, width);
  const after = inOwnForm(wholeBlock(config, { isDual, isLast: !form.text }), formAtEnd(form), width);
  return {
    parameters: parametersOf(before.tensors) - parametersOf(after.tensors),
    flops: (tokens: StreamTokens) => before.flops(tokens) - after.flops(tokens),
  };
}

function blockFlops(D: number, { isDual, isLast }: BlockKind, { image = 0, text = 0 }: StreamTokens): number {
  const N = image + text;
  // The last block makes queries, keys and values of the text, and two parts of modulation.
  const ofText = isLast ? 6 * D * D * text + 16 * D * D : 24 * D * D * text + 24 * D * D;
  const ofSecondAttention = isDual ? 8 * D * D * image + 4 * image * image * D + 6 * D * D : 0;
  return 24 * D * D * image + 4 * N * N * D + ofText + ofSecondAttention;
}

function embedder(name: string, input: number, D: number): TensorSpec[] {
  return [
    ...linearTensors(`time_text_embed.${name}.linear_1`, D, input),
    ...linearTensors(`time_text_embed.${name}.linear_2`, D, D),
  ];
}

/** Numbers of D that modulate a stream. */
export const MODULATIONS = { image: 6, imageDual: 9, text: 6, textLast: 2 } as const;

function blockTensors({ width: D, headDim, qkNorm }: SD3Config, { isDual, isLast }: BlockKind): TensorSpec[] {
  const mlp = (name: string) => [
    ...linearTensors(`${name}.net.0.proj`, MLP_RATIO * D, D),
    ...linearTensors(`${name}.net.2`, D, MLP_RATIO * D),
  ];
  const norms = (attention: string, names: readonly string[]) =>
    qkNorm ? names.map((name) => ({ name: `${attention}.${name}.weight`, shape: [headDim] })) : [];
  const projections = (attention: string, names: readonly string[]) =>
    names.flatMap((name) => linearTensors(`${attention}.${name}`, D, D));
  return [
    ...linearTensors('norm1.linear', (isDual ? MODULATIONS.imageDual : MODULATIONS.image) * D, D),
    ...linearTensors('norm1_context.linear', (isLast ? MODULATIONS.textLast : MODULATIONS.text) * D, D),
    ...norms('attn', JOINT_NORMS),
    ...projections('attn', isLast ? PROJECTIONS : [...PROJECTIONS, 'to_add_out']),
    ...(isDual ? [...norms('attn2', ['norm_q', 'norm_k']), ...projections('attn2', SECOND_PROJECTIONS)] : []),
    ...mlp('ff'),
    ...(isLast ? [] : mlp('ff_context')),
  ];
}

export const SECOND_PROJECTIONS = ['to_q', 'to_k', 'to_v', 'to_out.0'];
