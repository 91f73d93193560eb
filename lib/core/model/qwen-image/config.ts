/** The config of diffusers' QwenImageTransformer2DModel; its edit and layered variants and PPCL's width-pruned students are refused. */
import { ContiguaError } from '../../errors.ts';
import type { ModelConfig, RawConfig } from '../architecture.ts';
import { blockNumber, refuseOptions, ropeAxes, wholeNumber } from '../config-values.ts';

export interface QwenImageConfig extends ModelConfig {
  /** Rotary dimensions of frame, row and column; they add up to headDim. */
  readonly ropeAxes: readonly number[];
}

/** Options of the class that change the arithmetic and that this product does not implement. */
const UNSUPPORTED_OPTIONS = ['guidance_embeds', 'zero_cond_t', 'use_additional_t_cond', 'use_layer3d_rope'];
/** Block lists of PPCL's width-pruned students, whose blocks have other tensors; empty lists change nothing. */
const UNSUPPORTED_LISTS = ['single_stream_index', 'ffn_proj_index', 'ehs_proj_index'];

export function parseQwenImage(raw: RawConfig, className: string, file: string): QwenImageConfig {
  const hint = 'Qwen-Image itself works; its edit and layered variants do not yet.';
  refuseOptions(raw, UNSUPPORTED_OPTIONS, className, file, hint);
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
  // A null out_channels means as many as go in.
  const outChannels = raw.out_channels === null ? inChannels : number('out_channels', 16);
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
    raw,
  };
}
