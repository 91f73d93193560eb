/**
 * Narrower blocks of models whose class in diffusers has none, as config.json says it. Blocks are numbered in their stack, the first of
 * the model:
 *
 *   "linear_feed_forward": { "image": [3, 4], "text": [4] }   a linear map stands for the stream's feed-forward layers
 *   "held_text": { "blocks": [6, 7], "end": [7] }             the text stream is held back; at an end the text is projected
 *
 * The keys are this product's own: diffusers ignores them, and refuses the weights or leaves some out.
 */
import { ContiguaError } from '../errors.ts';
import { isRecord } from '../is-record.ts';
import type { BlockParts, BlockSpec, BlockTrait, NotAPart, RawConfig, StreamId } from './architecture.ts';
import { type BlockForm, blockInForm, isPart } from './block-form.ts';
import type { ReaderClass } from './family.ts';

const KEYS = { ffn: 'linear_feed_forward', text: 'held_text' } as const;

/** By block of the stack. */
export interface OwnForms {
  readonly linearFfn: ReadonlyMap<StreamId, ReadonlySet<number>>;
  readonly held: ReadonlySet<number>;
  /** Of those. */
  readonly ends: ReadonlySet<number>;
  /** Which keys config.json has: they stay, be it without blocks. */
  readonly keys: readonly string[];
}

/** Of the family's class, with blocks that it does not know. */
export const OWN_READER: ReaderClass = {
  about:
    'Contigua alone reads it: blocks are narrower (`linear_feed_forward` or `held_text` in config.json), which no class of diffusers ' +
    'knows. diffusers finds weights missing, and refuses those of other shapes.',
  module: null,
};

/** For `Architecture.narrowerReadBy`. */
export const OWN_READS =
  'Contigua alone reads a model of this family with narrower blocks; no class of diffusers does.';

/** `streams` have feed-forward layers of their own. Throws `config-invalid`, naming the key. */
export function parseOwnForms(
  raw: RawConfig,
  { numBlocks, streams }: { readonly numBlocks: number; readonly streams: readonly StreamId[] },
  file: string,
): OwnForms {
  const recordAt = (key: string, names: readonly string[]) => {
    const value = raw[key] ?? {};
    if (isRecord(value) && Object.keys(value).every((name) => names.includes(name))) return value;
    throw unusable(key, value, `an object with lists of blocks by ${names.join(' and ')}`);
  };
  const blocksOf = (key: string, value: unknown): ReadonlySet<number> => {
    const isBlock = (n: unknown): n is number => Number.isSafeInteger(n) && Number(n) >= 0 && Number(n) < numBlocks;
    const seen: ReadonlySet<unknown> = new Set(Array.isArray(value) ? value : []);
    if (Array.isArray(value) && value.every(isBlock) && seen.size === value.length) return new Set(value);
    throw unusable(key, value, `a list of blocks, each once and from 0 to ${numBlocks - 1}`);
  };
  const unusable = (key: string, found: unknown, expected: string) =>
    new ContiguaError('config-invalid', `\`${key}\` is not usable`, { file, found: JSON.stringify(found), expected });
  const ffn = recordAt(KEYS.ffn, streams);
  const { blocks = [], end = [] } = recordAt(KEYS.text, ['blocks', 'end']);
  const [held, ends] = [blocksOf(KEYS.text, blocks), blocksOf(KEYS.text, end)];
  if (held.has(0)) {
    throw new ContiguaError('config-invalid', 'Block 0 cannot hold its text', {
      file,
      found: `${KEYS.text}.blocks = ${JSON.stringify(blocks)}`,
      expected: 'blocks from 1',
      hint: 'A block that holds its text takes that of the block before it, and before block 0 there is none.',
    });
  }
  for (const block of ends) if (!held.has(block)) throw unusable(KEYS.text, raw[KEYS.text], 'ends among its blocks');
  const linearFfn = new Map(Object.entries(ffn).map(([stream, value]) => [stream, blocksOf(KEYS.ffn, value)]));
  return { linearFfn, held, ends, keys: Object.values(KEYS).filter((key) => raw[key] !== undefined) };
}

export function isOwn({ linearFfn, held }: OwnForms): boolean {
  return held.size > 0 || [...linearFfn.values()].some(({ size }) => size > 0);
}

/** The form of a block of the stack. */
export function ownFormOf({ linearFfn, held, ends }: OwnForms, place: number): BlockForm {
  const linear = [...linearFfn].filter(([, blocks]) => blocks.has(place)).map(([stream]) => stream);
  return {
    ...(held.has(place) ? { text: ends.has(place) ? ('end' as const) : ('projected' as const) } : {}),
    ...(linear.length > 0 ? { linearFfn: linear } : {}),
  };
}

/** config.json's keys for a stack of blocks in these forms. Keys that are there are written, and the others where they say something. */
export function ownKeys({ keys }: Pick<OwnForms, 'keys'>, forms: readonly BlockForm[]): RawConfig {
  const places = (wanted: (form: BlockForm) => boolean) => forms.flatMap((form, i) => (wanted(form) ? [i] : []));
  const streams = [...new Set(forms.flatMap(({ linearFfn = [] }) => linearFfn))].sort();
  const blocks = places(({ text }) => text !== undefined);
  const written: [string, RawConfig, boolean][] = [
    [
      KEYS.ffn,
      Object.fromEntries(streams.map((stream) => [stream, places(({ linearFfn = [] }) => linearFfn.includes(stream))])),
      streams.length > 0,
    ],
    [KEYS.text, { blocks, end: places(({ text }) => text === 'end') }, blocks.length > 0],
  ];
  return Object.fromEntries(
    written.filter(([key, , says]) => says || keys.includes(key)).map(([key, value]) => [key, value]),
  );
}

/** Of the blocks that stay in a model of dual-stream blocks before single-stream ones, as config.json counts them; some in other forms. */
export function twoStackKeys({ narrow }: { readonly narrow: OwnForms }, kept: readonly KeptBlock[]): RawConfig {
  const dual = kept.filter(({ block }) => block.stack === 'dual');
  return {
    num_layers: dual.length,
    num_single_layers: kept.length - dual.length,
    ...ownKeys(narrow, keptForms(narrow, dual)),
  };
}

/** A block that stays, of the stack, and what edits make of it. */
export interface KeptBlock {
  readonly block: BlockSpec;
  readonly form: BlockForm;
}

/** The blocks' forms in the model that is left, by their new places. */
export function keptForms(own: OwnForms, kept: readonly KeptBlock[]): readonly BlockForm[] {
  return kept.map(({ block, form }) => mergedForm(ownFormOf(own, block.index), form));
}

/** Feed-forward layers of one stream may be a map already, and those of another become one. */
function mergedForm(one: BlockForm, other: BlockForm): BlockForm {
  const linear = [...(one.linearFfn ?? []), ...(other.linearFfn ?? [])];
  return { ...one, ...other, ...(linear.length > 0 ? { linearFfn: linear } : {}) };
}

export type WholeBlock = Pick<BlockSpec, 'kind' | 'tensors' | 'flops' | 'parts'>;
type StackBlock = WholeBlock & Pick<BlockSpec, 'updates' | 'traits' | 'carriesText'>;

/** `isTextReadAfter`: later stacks read the text. The function describes the block at a place of the stack, given what it is when whole. */
export function ownStack(
  own: OwnForms,
  { numBlocks, width, isTextReadAfter }: { numBlocks: number; width: number; isTextReadAfter: boolean },
): (place: number, whole: WholeBlock & Pick<BlockSpec, 'traits'>) => StackBlock {
  const isNarrow = isOwn(own);
  const lastHeld = Math.max(-1, ...own.held);
  const withText = Array.from({ length: numBlocks }, (_, place) => place).filter((place) => !own.held.has(place));
  // Text is updated for what reads it: later stacks, or blocks with a text stream of their own.
  const lastReader = isTextReadAfter ? numBlocks : Math.max(-1, ...withText);
  return (place, { traits, ...whole }) => {
    const form = ownFormOf(own, place);
    return {
      ...inOwnForm(whole, form, width),
      updates: form.text !== 'projected' && place < lastReader ? ['image', 'text'] : ['image'],
      ...(traits || isNarrow ? { traits: [...(traits ?? []), ...formTraits(form)] } : {}),
      // Every block before one that holds its text, as a run may take out those between.
      ...(!form.text && place < lastHeld ? { carriesText: true } : {}),
    };
  };
}

/** The block in its form. What of it is narrower is no part that could be replaced once more. */
export function inOwnForm(whole: WholeBlock, form: BlockForm, width: number): WholeBlock {
  const { parts } = whole;
  if (!parts || Object.keys(form).length === 0) return whole;
  const { kind, tensors, flops } = blockInForm(whole, form, width);
  return { kind, tensors, flops, parts: remainingParts(parts, form) };
}

export const LINEAR_ALREADY: NotAPart = { why: 'Its feed-forward layers are linear maps already.' };
export const HELD_ALREADY: NotAPart = { why: 'Its text stream is held back already.' };
const LINEAR_TEXT: NotAPart = { why: 'A linear map stands for the feed-forward layers of its text already.' };

function remainingParts(parts: BlockParts, { text, linearFfn = [] }: BlockForm): BlockParts {
  const held = text && isPart(parts.text) ? parts.text.stream : null;
  const ffn = Object.entries(parts.ffn).map(([stream, part]): [StreamId, typeof part] => {
    if (stream === held) return [stream, HELD_ALREADY];
    return [stream, linearFfn.includes(stream) ? LINEAR_ALREADY : part];
  });
  const textStream = isPart(parts.text) ? parts.text.stream : null;
  const isLinear = textStream !== null && linearFfn.includes(textStream);
  const rest = isLinear ? LINEAR_TEXT : parts.text;
  return { ...parts, ffn: Object.fromEntries(ffn), text: held === null ? rest : HELD_ALREADY };
}

export const HELD: BlockTrait = {
  id: 'held-text',
  label: 'held text',
  about:
    'The text stream is not updated: the block attends to a projection of the text of the last block that has one.',
};
const LINEAR: BlockTrait = {
  id: 'linear-ffn',
  label: 'linear feed-forward',
  about: 'A linear map stands for feed-forward layers.',
};

/** Those that a model with such blocks has. */
export function ownTraitsOf(own: OwnForms): readonly BlockTrait[] {
  return isOwn(own) ? [HELD, LINEAR] : [];
}

/** Ids of the traits of a block in a form; the families name the second one alike. */
export function formTraits({ text, linearFfn }: BlockForm): string[] {
  return [...(text ? [HELD.id] : []), ...(linearFfn ? [LINEAR.id] : [])];
}
