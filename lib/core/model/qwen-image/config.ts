/**
 * The config of diffusers' QwenImageTransformer2DModel in all its forms: plain, Edit (`zero_cond_t`), Layered (`use_layer3d_rope`,
 * `use_additional_t_cond`). `guidance_embeds` changes nothing: the class stores no guidance embedder. PPCL's width-pruned students
 * are refused.
 */
import { ContiguaError } from '../../errors.ts';
import type { ModelConfig, RawConfig } from '../architecture.ts';
import { blockNumber, flag, ropeAxes, wholeNumber } from '../config-values.ts';

export interface QwenImageConfig extends ModelConfig {
  /** Rotary dimensions of frame, row and column; they add up to headDim. */
  readonly ropeAxes: readonly number[];
  /** `zero_cond_t`: images after the first are modulated as at time 0. */
  readonly zeroTimeReferences: boolean;
  /** `use_layer3d_rope`: images are layers, and the last one is the condition, at frame −1. */
  readonly layered: boolean;
  /** `use_additional_t_cond`: one of two embeddings, `additional_t_cond`, is added to the time embedding. */
  readonly additionalTimeCondition: boolean;
}

/** Block lists of PPCL's width-pruned students, whose blocks have other tensors; empty lists change nothing. */
const UNSUPPORTED_LISTS = ['single_stream_index', 'ffn_proj_index', 'ehs_proj_index'];

export function parseQwenImage(raw: RawConfig, className: string, file: string): QwenImageConfig {
  for (const list of UNSUPPORTED_LISTS) {
    const value = raw[list];
    if (Array.isArray(value) && value.length > 0) {
      throw new ContiguaError('checkpoint-unsupported', 'Width-pruned PPCL students are not supported', {
        file,
        found: `${list} = ${JSON.stringify(value)}`,
        expected: 'an empty list or none',
        hint: 'Open the teacher, or a model that was pruned in depth alone.',
      });
    }
  }
  // Defaults of the class's constructor, for keys that a config leaves out.
  const number = (key: string, byDefault: number) => wholeNumber(raw, key, byDefault, file);
  const numHeads = number('num_attention_heads', 24);
  const headDim = number('attention_head_dim', 128);
  const inChannels = number('in_channels', 64);
  // No output channels mean as many as go in.
  const outChannels = raw.out_channels === null || raw.out_channels === 0 ? inChannels : number('out_channels', 16);
  return {
    family: 'qwen-image',
    className,
    numBlocks: blockNumber(raw, 'num_layers', 60, file),
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
    raw,
  };
}
