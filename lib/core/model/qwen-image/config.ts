/**
 * The config of diffusers' QwenImageTransformer2DModel in all its forms: plain, Edit (`zero_cond_t`), Layered (`use_layer3d_rope`,
 * `use_additional_t_cond`). `guidance_embeds` changes nothing: the class stores no guidance embedder. PPCL's own class of that name
 * adds three lists of blocks that are narrower (width-lists.ts); diffusers' class knows none of them.
 */
import type { ModelConfig, RawConfig } from '../architecture.ts';
import { blockNumber, flag, ropeAxes, wholeNumber } from '../config-values.ts';
import { type ModulationGroup, parseSharedModulations } from '../shared-modulation.ts';
import { parseWidthLists, type WidthLists } from './width-lists.ts';

export interface QwenImageConfig extends ModelConfig {
  /** Rotary dimensions of frame, row and column; they add up to headDim. */
  readonly ropeAxes: readonly number[];
  /** `zero_cond_t`: images after the first are modulated as at time 0. */
  readonly zeroTimeReferences: boolean;
  /** `use_layer3d_rope`: images are layers, and the last one is the condition, at frame −1. */
  readonly layered: boolean;
  /** `use_additional_t_cond`: one of two embeddings, `additional_t_cond`, is added to the time embedding. */
  readonly additionalTimeCondition: boolean;
  /** Blocks of PPCL's width-pruned students that are narrower. */
  readonly narrow: WidthLists;
  /** Modulations that blocks share; this product's own. */
  readonly modulations: readonly ModulationGroup[];
}

export function parseQwenImage(raw: RawConfig, className: string, file: string): QwenImageConfig {
  // Defaults of the class's constructor, for keys that a config leaves out.
  const number = (key: string, byDefault: number) => wholeNumber(raw, key, byDefault, file);
  const numHeads = number('num_attention_heads', 24);
  const headDim = number('attention_head_dim', 128);
  const inChannels = number('in_channels', 64);
  // No output channels mean as many as go in.
  const outChannels = raw.out_channels === null || raw.out_channels === 0 ? inChannels : number('out_channels', 16);
  const numBlocks = blockNumber(raw, 'num_layers', 60, file);
  return {
    family: 'qwen-image',
    className,
    numBlocks,
    width: numHeads * headDim,
    numHeads,
    headDim,
    textDim: number('joint_attention_dim', 3584),
    inChannels,
    outputFeatures: number('patch_size', 2) ** 2 * outChannels,
    ropeAxes: ropeAxes(raw, [16, 56, 56], headDim, file),
    zeroTimeReferences: flag(raw, 'zero_cond_t', file),
    layered: flag(raw, 'use_layer3d_rope', file),
    additionalTimeCondition: flag(raw, 'use_additional_t_cond', file),
    narrow: parseWidthLists(raw, numBlocks, file),
    modulations: parseSharedModulations(raw, { numBlocks, width: numHeads * headDim }, file),
    raw,
  };
}
