/** The config of diffusers' SD3Transformer2DModel: SD3, SD3.5-medium with dual attention in its first blocks, SD3.5-large. */
import { ContiguaError } from '../../errors.ts';
import type { ModelConfig, RawConfig } from '../architecture.ts';
import { blockNumber, wholeNumber } from '../config-values.ts';
import { FFN_STREAMS } from '../joint-parts.ts';
import { type OwnForms, parseOwnForms } from '../own-forms.ts';

export interface SD3Config extends ModelConfig {
  /** Of the latents. */
  readonly channels: number;
  readonly outChannels: number;
  readonly patchSize: number;
  /** Width of the pooled text. */
  readonly pooledDim: number;
  /** Patches along each side of the table of positions. */
  readonly maxPatches: number;
  /** Patches along a side of the pictures that the model was trained on, by which positions are numbered. */
  readonly basePatches: number;
  /** Queries and keys are RMS-normed. */
  readonly qkNorm: boolean;
  /** Blocks in which the image also attends to itself alone. */
  readonly dualAttention: ReadonlySet<number>;
  /** Blocks that are narrower; this product's own. */
  readonly narrow: OwnForms;
}

/** SD3.5-medium has 384; the table grows with the square. */
const MAX_PATCHES = 4096;

export function parseSD3(raw: RawConfig, className: string, file: string): SD3Config {
  // Defaults of the class's constructor, for keys that a config leaves out.
  const number = (key: string, byDefault: number) => wholeNumber(raw, key, byDefault, file);
  const numHeads = number('num_attention_heads', 18);
  const headDim = number('attention_head_dim', 64);
  const width = numHeads * headDim;
  const patchSize = number('patch_size', 2);
  const channels = number('in_channels', 16);
  // A null out_channels means as many as go in.
  const outChannels = raw.out_channels === null ? channels : number('out_channels', 16);
  const invalid = (summary: string, found: string, expected: string, hint?: string) =>
    new ContiguaError('config-invalid', summary, { file, found, expected, ...(hint ? { hint } : {}) });
  if (width % 4 !== 0) {
    throw invalid(
      'The width has no sines and cosines of rows and columns',
      `${numHeads} heads of ${headDim} = ${width}`,
      'num_attention_heads · attention_head_dim that 4 divides',
    );
  }
  const captionDim = number('caption_projection_dim', 1152);
  if (captionDim !== width) {
    throw invalid(
      '`caption_projection_dim` does not fit the width',
      String(captionDim),
      `${width} = num_attention_heads · attention_head_dim`,
    );
  }
  if (raw.pos_embed_max_size === null) {
    throw new ContiguaError('checkpoint-unsupported', 'A model without a table of positions is not supported', {
      file,
      found: 'pos_embed_max_size = null',
      expected: 'a whole number',
      hint: 'SD3 and SD3.5 have 192 or 384.',
    });
  }
  const numBlocks = blockNumber(raw, 'num_layers', 18, file);
  return {
    family: 'sd3',
    className,
    numBlocks,
    width,
    numHeads,
    headDim,
    textDim: number('joint_attention_dim', 4096),
    inChannels: patchSize ** 2 * channels,
    outputFeatures: patchSize ** 2 * outChannels,
    channels,
    outChannels,
    patchSize,
    pooledDim: number('pooled_projection_dim', 2048),
    maxPatches: wholeNumber(raw, 'pos_embed_max_size', 96, file, { maximum: MAX_PATCHES }),
    basePatches: Math.floor(wholeNumber(raw, 'sample_size', 128, file, { minimum: patchSize }) / patchSize),
    qkNorm: hasNorm(raw, className, file),
    dualAttention: dualAttentionOf(raw, file),
    narrow: narrowOf(raw, numBlocks, file),
    raw,
  };
}

function narrowOf(raw: RawConfig, numBlocks: number, file: string): OwnForms {
  const narrow = parseOwnForms(raw, { numBlocks, streams: FFN_STREAMS }, file);
  const last = numBlocks - 1;
  if (!narrow.linearFfn.get('text')?.has(last) && !narrow.ends.has(last)) return narrow;
  throw new ContiguaError('config-invalid', 'The last block gives no text', {
    file,
    found: JSON.stringify({ linear_feed_forward: raw.linear_feed_forward, held_text: raw.held_text }),
    expected: `no map of block ${last} that gives text`,
  });
}

function hasNorm({ qk_norm: value }: RawConfig, className: string, file: string): boolean {
  if (value === undefined || value === null) return false;
  if (value === 'rms_norm') return true;
  throw new ContiguaError('checkpoint-unsupported', `The variant \`qk_norm\` of ${className} is not supported`, {
    file,
    found: `qk_norm = ${JSON.stringify(value)}`,
    expected: 'null or "rms_norm"',
    hint: 'SD3 has none, SD3.5 has "rms_norm".',
  });
}

/** Numbers that no block has are legal and mean nothing, as in diffusers. */
function dualAttentionOf({ dual_attention_layers: value = [] }: RawConfig, file: string): ReadonlySet<number> {
  const isIndex = (n: unknown): n is number => typeof n === 'number' && Number.isSafeInteger(n);
  if (Array.isArray(value) && value.every(isIndex)) return new Set(value);
  throw new ContiguaError('config-invalid', '`dual_attention_layers` is not usable', {
    file,
    found: JSON.stringify(value)?.slice(0, 80),
    expected: 'a list of block numbers such as [0, 1, 2]',
  });
}
