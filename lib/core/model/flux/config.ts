/** The config of diffusers' FluxTransformer2DModel: FLUX.1-dev, -schnell, and -Fill with its extra input channels. */
import type { ModelConfig, RawConfig } from '../architecture.ts';
import { blockNumber, flag, ropeAxes, wholeNumber } from '../config-values.ts';
import { FFN_STREAMS } from '../joint-parts.ts';
import { type OwnForms, parseOwnForms } from '../own-forms.ts';

export interface FluxConfig extends ModelConfig {
  /** Dual-stream blocks, which run first. */
  readonly numDual: number;
  readonly numSingle: number;
  /** Width of the pooled text. */
  readonly pooledDim: number;
  /** Whether the guidance scale is an input (-dev) or not (-schnell). */
  readonly guidanceEmbeds: boolean;
  /** Rotary dimensions of each axis of `img_ids` and `txt_ids`; they add up to headDim. */
  readonly ropeAxes: readonly number[];
  /** Dual-stream blocks that are narrower; this product's own. */
  readonly narrow: OwnForms;
}

export function parseFlux(raw: RawConfig, className: string, file: string): FluxConfig {
  // Defaults of the class's constructor, for keys that a config leaves out.
  const number = (key: string, byDefault: number) => wholeNumber(raw, key, byDefault, file);
  const numHeads = number('num_attention_heads', 24);
  const headDim = number('attention_head_dim', 128);
  const inChannels = number('in_channels', 64);
  const outChannels = number('out_channels', inChannels);
  // Either stack may be empty.
  const numDual = blockNumber(raw, 'num_layers', 19, file, { minimum: 0 });
  const numSingle = blockNumber(raw, 'num_single_layers', 38, file, { minimum: numDual > 0 ? 0 : 1, others: numDual });
  return {
    family: 'flux',
    className,
    numBlocks: numDual + numSingle,
    numDual,
    numSingle,
    width: numHeads * headDim,
    numHeads,
    headDim,
    textDim: number('joint_attention_dim', 4096),
    pooledDim: number('pooled_projection_dim', 768),
    inChannels,
    outputFeatures: number('patch_size', 1) ** 2 * outChannels,
    guidanceEmbeds: flag(raw, 'guidance_embeds', file),
    ropeAxes: ropeAxes(raw, [16, 56, 56], headDim, file, { anyNumber: true }),
    narrow: parseOwnForms(raw, { numBlocks: numDual, streams: FFN_STREAMS }, file),
    raw,
  };
}
