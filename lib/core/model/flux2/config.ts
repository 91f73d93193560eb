/** The config of diffusers' Flux2Transformer2DModel: FLUX.2-dev and the klein models, which embed no guidance. */
import { ContiguaError } from '../../errors.ts';
import type { ModelConfig, RawConfig } from '../architecture.ts';
import { blockNumber, flag, ropeAxes, wholeNumber } from '../config-values.ts';
import { FFN_STREAMS } from '../joint-parts.ts';
import { type OwnForms, parseOwnForms } from '../own-forms.ts';

export interface Flux2Config extends ModelConfig {
  /** Dual-stream blocks, which run first. */
  readonly numDual: number;
  readonly numSingle: number;
  /** Hidden features of an MLP, M; its first layer gives 2M, of which one half gates the other. */
  readonly mlpDim: number;
  /** Whether the guidance scale is an input (-dev) or not (klein). */
  readonly guidanceEmbeds: boolean;
  /** Width of the sinusoids of time and guidance. */
  readonly timeChannels: number;
  /** Rotary dimensions of each axis of `img_ids` and `txt_ids`; they add up to headDim. */
  readonly ropeAxes: readonly number[];
  readonly ropeTheta: number;
  /** Dual-stream blocks that are narrower; this product's own. */
  readonly narrow: OwnForms;
}

/** Time or image, row, column, place in the text. */
export const AXES = 4;
/** Of the norms, in every published model and in the layers that the families share. */
const EPS = 1e-6;

export function parseFlux2(raw: RawConfig, className: string, file: string): Flux2Config {
  // Defaults of the class's constructor, for keys that a config leaves out.
  const number = (key: string, byDefault: number) => wholeNumber(raw, key, byDefault, file);
  const numHeads = number('num_attention_heads', 48);
  const headDim = number('attention_head_dim', 128);
  const width = numHeads * headDim;
  const inChannels = number('in_channels', 128);
  // Either stack may be empty.
  const numDual = blockNumber(raw, 'num_layers', 8, file, { minimum: 0 });
  const numSingle = blockNumber(raw, 'num_single_layers', 48, file, { minimum: numDual > 0 ? 0 : 1, others: numDual });
  refuseOtherEps(raw, file);
  return {
    family: 'flux2',
    className,
    numBlocks: numDual + numSingle,
    numDual,
    numSingle,
    width,
    numHeads,
    headDim,
    mlpDim: mlpDim(raw, width, file),
    textDim: number('joint_attention_dim', 15360),
    inChannels,
    outputFeatures: number('patch_size', 1) ** 2 * number('out_channels', inChannels),
    guidanceEmbeds: flag(raw, 'guidance_embeds', file, true),
    timeChannels: evenNumber(raw, 'timestep_guidance_channels', 256, file),
    ropeAxes: ropeAxes(raw, [32, 32, 32, 32], headDim, file),
    ropeTheta: positive(raw, 'rope_theta', 2000, file),
    narrow: parseOwnForms(raw, { numBlocks: numDual, streams: FFN_STREAMS }, file),
    raw,
  };
}

/** As Python's int() cuts the product. */
function mlpDim(raw: RawConfig, width: number, file: string): number {
  const dim = Math.trunc(width * positive(raw, 'mlp_ratio', 3, file));
  if (dim >= 1 && dim <= 2 ** 24) return dim;
  throw new ContiguaError('config-invalid', '`mlp_ratio` is not usable', {
    file,
    found: `${JSON.stringify(raw.mlp_ratio)}, which makes MLPs of ${dim} features`,
    expected: 'MLPs of 1 to 16,777,216 features',
  });
}

function positive(raw: RawConfig, key: string, byDefault: number, file: string): number {
  const value = raw[key] ?? byDefault;
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  throw new ContiguaError('config-invalid', `\`${key}\` is not usable`, {
    file,
    found: JSON.stringify(value),
    expected: 'a number above 0',
  });
}

function evenNumber(raw: RawConfig, key: string, byDefault: number, file: string): number {
  const value = wholeNumber(raw, key, byDefault, file, { minimum: 2 });
  if (value % 2 === 0) return value;
  throw new ContiguaError('config-invalid', `\`${key}\` is not usable`, {
    file,
    found: JSON.stringify(value),
    expected: 'an even number, half of it cosines and half of it sines',
  });
}

function refuseOtherEps(raw: RawConfig, file: string): void {
  const eps = raw.eps ?? EPS;
  if (eps === EPS) return;
  throw new ContiguaError('config-invalid', '`eps` is not usable', {
    file,
    found: JSON.stringify(eps),
    expected: `${EPS}, as every published model has it`,
  });
}
