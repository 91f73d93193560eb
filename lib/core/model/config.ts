/**
 * A diffusers transformer `config.json`, parsed: which family it is and the numbers that fix its shapes. Unknown keys
 * are tolerated and kept in `raw`, so that exports lose nothing; variants whose arithmetic differs are refused by name.
 * No tensor code, so that the page and the planner can import it (through config-index.ts).
 */
import { ContiguaError } from '../errors.ts';
import { isRecord } from '../is-record.ts';
import { MAX_JSON_BYTES, parseJson } from '../json-text.ts';

export type Family = 'qwen-image';

/** `_class_name` → family. */
export const SUPPORTED_CLASSES: Readonly<Record<string, Family>> = { QwenImageTransformer2DModel: 'qwen-image' };

export interface ModelConfig {
  readonly family: Family;
  readonly className: string;
  readonly numBlocks: number;
  /** D = numHeads · headDim. */
  readonly width: number;
  readonly numHeads: number;
  readonly headDim: number;
  readonly textDim: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly patchSize: number;
  /** Rotary dimensions of frame, row and column; they add up to headDim. */
  readonly ropeAxes: readonly [number, number, number];
  /** config.json as it was. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** Features of one output token, p²·out. */
export function outputFeatures(config: ModelConfig): number {
  return config.patchSize ** 2 * config.outChannels;
}

/** Init defaults of diffusers' QwenImageTransformer2DModel, for keys that a config leaves out. */
const QWEN_DEFAULTS = {
  patch_size: 2,
  in_channels: 64,
  out_channels: 16,
  num_layers: 60,
  attention_head_dim: 128,
  num_attention_heads: 24,
  joint_attention_dim: 3584,
};

/** Options of the class that change the arithmetic and that this product does not implement. */
const UNSUPPORTED_OPTIONS = ['guidance_embeds', 'zero_cond_t', 'use_additional_t_cond', 'use_layer3d_rope'];
/** Block lists of PPCL's width-pruned students, whose blocks have other tensors; empty lists change nothing. */
const UNSUPPORTED_LISTS = ['single_stream_index', 'ffn_proj_index', 'ehs_proj_index'];
/** Far above any real value; a hostile config shall not make us list a billion tensors. */
export const MAX_BLOCKS = 1024;
const MAX_SIZE = 2 ** 20;

export function parseModelConfig(text: string, file: string): ModelConfig {
  const raw = parseJson(text, {
    file,
    code: 'config-invalid',
    notJson: 'Not JSON',
    expected: "a diffusers transformer's config.json",
    hint: 'Pick the `transformer` folder of a diffusers model.',
    maxBytes: MAX_JSON_BYTES.config,
  });
  if (!isRecord(raw)) {
    throw new ContiguaError('config-invalid', 'Not a JSON object', { file, found: kindOf(raw), expected: 'an object' });
  }
  const className = raw._class_name;
  const family =
    typeof className === 'string' && Object.hasOwn(SUPPORTED_CLASSES, className)
      ? SUPPORTED_CLASSES[className]
      : undefined;
  if (typeof className !== 'string' || family === undefined) {
    throw new ContiguaError('checkpoint-unsupported', 'Unknown model class in `_class_name`', {
      file,
      found: className === undefined ? 'no `_class_name`' : JSON.stringify(className),
      expected: Object.keys(SUPPORTED_CLASSES).join(' or '),
      hint: 'Pick the `transformer` folder of a Qwen-Image model in diffusers format.',
    });
  }
  for (const option of UNSUPPORTED_OPTIONS) {
    const value = raw[option];
    if (value !== undefined && value !== null && value !== false) {
      throw new ContiguaError('checkpoint-unsupported', `The variant \`${option}\` of ${className} is not supported`, {
        file,
        found: `${option} = ${JSON.stringify(value)}`,
        expected: 'false or absent',
        hint: 'Qwen-Image itself works; its edit and layered variants do not yet.',
      });
    }
  }
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
  return parseQwen(raw, className, family, file);
}

function parseQwen(raw: Record<string, unknown>, className: string, family: Family, file: string): ModelConfig {
  const positive = (key: keyof typeof QWEN_DEFAULTS): number => {
    // A null out_channels means as many as go in.
    const given =
      key === 'out_channels' && raw[key] === null ? (raw.in_channels ?? QWEN_DEFAULTS.in_channels) : raw[key];
    const value = given ?? QWEN_DEFAULTS[key];
    const maximum = key === 'num_layers' ? MAX_BLOCKS : MAX_SIZE;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1 || value > maximum) {
      throw new ContiguaError('config-invalid', `\`${key}\` is not usable`, {
        file,
        found: JSON.stringify(value),
        expected: `a whole number from 1 to ${maximum}`,
      });
    }
    return value;
  };
  const numHeads = positive('num_attention_heads');
  const headDim = positive('attention_head_dim');
  const axes = raw.axes_dims_rope ?? [16, 56, 56];
  const ropeAxes = threeEvenNumbers(axes);
  if (!ropeAxes || ropeAxes[0] + ropeAxes[1] + ropeAxes[2] !== headDim) {
    throw new ContiguaError('config-invalid', '`axes_dims_rope` does not fit `attention_head_dim`', {
      file,
      found: JSON.stringify(axes),
      expected: `three even numbers that add up to ${headDim}`,
    });
  }
  return {
    family,
    className,
    numBlocks: positive('num_layers'),
    width: numHeads * headDim,
    numHeads,
    headDim,
    textDim: positive('joint_attention_dim'),
    inChannels: positive('in_channels'),
    outChannels: positive('out_channels'),
    patchSize: positive('patch_size'),
    ropeAxes,
    raw,
  };
}

function threeEvenNumbers(value: unknown): [number, number, number] | null {
  if (!Array.isArray(value) || value.length !== 3) return null;
  const [frame, row, column]: unknown[] = value;
  const fits = (n: unknown): n is number => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0 && n % 2 === 0;
  return fits(frame) && fits(row) && fits(column) ? [frame, row, column] : null;
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}
