/**
 * Parameters, expected tensors and floating-point operations of a model, from its config alone. Formulas are those of
 * the architecture (counted against instantiated models); a multiply-add is two operations; softmax, norms and other
 * elementwise work are left out, as is usual.
 */
import { type ModelConfig, outputFeatures } from './config.ts';

export interface ExpectedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Block that it belongs to, or null for the embeddings and the output. */
  readonly block: number | null;
}

const TIME_FREQUENCIES = 256;
const MLP_RATIO = 4;

/** Every tensor that a checkpoint of this config must hold, and no other. */
export function expectedTensors(config: ModelConfig): ExpectedTensor[] {
  const { width: D, textDim, inChannels } = config;
  const tensors: ExpectedTensor[] = [];
  const linear = (name: string, out: number, input: number, block: number | null) =>
    tensors.push({ name: `${name}.weight`, shape: [out, input], block }, { name: `${name}.bias`, shape: [out], block });

  linear('time_text_embed.timestep_embedder.linear_1', D, TIME_FREQUENCIES, null);
  linear('time_text_embed.timestep_embedder.linear_2', D, D, null);
  tensors.push({ name: 'txt_norm.weight', shape: [textDim], block: null });
  linear('img_in', D, inChannels, null);
  linear('txt_in', D, textDim, null);
  for (let block = 0; block < config.numBlocks; block++) {
    const prefix = `transformer_blocks.${block}.`;
    for (const stream of ['img', 'txt']) {
      linear(`${prefix}${stream}_mod.1`, 6 * D, D, block);
      linear(`${prefix}${stream}_mlp.net.0.proj`, MLP_RATIO * D, D, block);
      linear(`${prefix}${stream}_mlp.net.2`, D, MLP_RATIO * D, block);
    }
    for (const norm of ['norm_q', 'norm_k', 'norm_added_q', 'norm_added_k']) {
      tensors.push({ name: `${prefix}attn.${norm}.weight`, shape: [config.headDim], block });
    }
    for (const projection of ATTENTION_PROJECTIONS) linear(`${prefix}attn.${projection}`, D, D, block);
  }
  linear('norm_out.linear', 2 * D, D, null);
  linear('proj_out', outputFeatures(config), D, null);
  return tensors;
}

const ATTENTION_PROJECTIONS = [
  'to_q',
  'to_k',
  'to_v',
  'add_q_proj',
  'add_k_proj',
  'add_v_proj',
  'to_out.0',
  'to_add_out',
] as const;

export interface ParameterCount {
  readonly total: number;
  readonly perBlock: number;
  readonly globals: number;
}

export function countParameters(config: ModelConfig): ParameterCount {
  const { width: D, headDim, textDim: J, inChannels } = config;
  const perBlock = 36 * D * D + 30 * D + 4 * headDim;
  const globals =
    TIME_FREQUENCIES * D +
    D +
    (D * D + D) +
    J +
    (inChannels * D + D) +
    (J * D + D) +
    (2 * D * D + 2 * D) +
    (D + 1) * outputFeatures(config);
  return { total: perBlock * config.numBlocks + globals, perBlock, globals };
}

export interface ForwardTokens {
  readonly image: number;
  readonly text: number;
}

export interface FlopCount {
  readonly total: number;
  readonly perBlock: number;
  readonly globals: number;
}

/** Operations of one forward of one sample. */
export function countFlops(config: ModelConfig, tokens: ForwardTokens): FlopCount {
  const { width: D, textDim: J, inChannels } = config;
  const N = tokens.image + tokens.text;
  const perBlock = 24 * D * D * N + 4 * N * N * D + 24 * D * D;
  const globals =
    2 * tokens.image * inChannels * D +
    2 * tokens.text * J * D +
    2 * (TIME_FREQUENCIES * D + D * D) +
    4 * D * D +
    2 * tokens.image * D * outputFeatures(config);
  return { total: perBlock * config.numBlocks + globals, perBlock, globals };
}
