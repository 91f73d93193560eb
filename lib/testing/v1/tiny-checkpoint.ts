/**
 * Tiny Qwen-Image checkpoints, written byte by byte: the models that the files in this folder are about. It uses nothing
 * of the product, so that it gives the same bytes whatever becomes of the product's own readers, writers and formulas.
 */

export interface HeaderTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

export interface TinySizes {
  readonly blocks: number;
  readonly heads: number;
  readonly headDim: number;
  readonly textDim: number;
  readonly inChannels: number;
  /** Features of an output token, patch² · out channels. */
  readonly outFeatures: number;
}

export type Bytes = Uint8Array<ArrayBuffer>;

const TIME_FREQUENCIES = 256;
const BLOCK_PROJECTIONS = ['to_q', 'to_k', 'to_v', 'add_q_proj', 'add_k_proj', 'add_v_proj', 'to_out.0', 'to_add_out'];

/** Every tensor of a QwenImageTransformer2DModel of these sizes, by name. */
export function qwenHeader(
  { blocks, heads, headDim, textDim, inChannels, outFeatures }: TinySizes,
  dtype = 'F32',
): HeaderTensor[] {
  const D = heads * headDim;
  const tensors: HeaderTensor[] = [];
  const vector = (name: string, length: number) => tensors.push({ name, dtype, shape: [length] });
  const linear = (name: string, out: number, input: number) => {
    tensors.push({ name: `${name}.weight`, dtype, shape: [out, input] });
    vector(`${name}.bias`, out);
  };
  linear('time_text_embed.timestep_embedder.linear_1', D, TIME_FREQUENCIES);
  linear('time_text_embed.timestep_embedder.linear_2', D, D);
  vector('txt_norm.weight', textDim);
  linear('img_in', D, inChannels);
  linear('txt_in', D, textDim);
  for (let block = 0; block < blocks; block++) {
    const prefix = `transformer_blocks.${block}.`;
    for (const stream of ['img', 'txt']) {
      linear(`${prefix}${stream}_mod.1`, 6 * D, D);
      linear(`${prefix}${stream}_mlp.net.0.proj`, 4 * D, D);
      linear(`${prefix}${stream}_mlp.net.2`, D, 4 * D);
    }
    for (const norm of ['norm_q', 'norm_k', 'norm_added_q', 'norm_added_k']) {
      vector(`${prefix}attn.${norm}.weight`, headDim);
    }
    for (const projection of BLOCK_PROJECTIONS) linear(`${prefix}attn.${projection}`, D, D);
  }
  linear('norm_out.linear', 2 * D, D);
  linear('proj_out', outFeatures, D);
  return tensors.sort((x, y) => (x.name < y.name ? -1 : 1));
}

export interface Filling {
  /** Models of different seeds have different weights in every tensor. */
  readonly seed: number;
  /** Tensors whose values are all zero. */
  readonly zero?: (name: string) => boolean;
  /** Another seed for some tensors. */
  readonly seedOf?: (name: string) => number;
}

/** One safetensors file; the data lies in the order of `header`, and a tensor's values depend on its name and the seed alone. */
export function safetensorsOf(
  header: readonly HeaderTensor[],
  { seed, zero = () => false, seedOf = () => seed }: Filling,
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Bytes {
  return packed(
    header.map((tensor) => ({
      ...tensor,
      bytes: zero(tensor.name)
        ? new Uint8Array(countOf(tensor.shape) * BYTES[dtypeOf(tensor)])
        : filled(tensor, seedOf(tensor.name)),
    })),
    metadata,
  );
}

/** One safetensors file of these very bytes. */
export function packed(
  tensors: readonly (HeaderTensor & { readonly bytes: Uint8Array })[],
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Bytes {
  const entries: Record<string, unknown> = { __metadata__: metadata };
  let position = 0;
  for (const { name, dtype, shape, bytes } of tensors) {
    entries[name] = { dtype, shape, data_offsets: [position, position + bytes.length] };
    position += bytes.length;
  }
  const json = new TextEncoder().encode(JSON.stringify(entries));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + headerBytes + position).fill(0x20, 8, 8 + headerBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.set(json, 8);
  let offset = 8 + headerBytes;
  for (const { bytes } of tensors) {
    file.set(bytes, offset);
    offset += bytes.length;
  }
  return file;
}

const BYTES = { F64: 8, F32: 4, F16: 2, BF16: 2, F8_E4M3: 1 } as const;
type FloatType = keyof typeof BYTES;

function dtypeOf({ name, dtype }: HeaderTensor): FloatType {
  if (dtype in BYTES) return dtype as FloatType;
  throw new RangeError(`${name}: no such float type, ${dtype}`);
}

function filled(tensor: HeaderTensor, seed: number): Uint8Array {
  const { name, shape } = tensor;
  const dtype = dtypeOf(tensor);
  const count = countOf(shape);
  const view = new DataView(new ArrayBuffer(count * BYTES[dtype]));
  const base = /norm_(q|k|added_q|added_k)\.weight$|^txt_norm/.test(name) ? 1 : 0;
  const place = hashOf(name) ^ Math.imul(seed, 0x27d4eb2f);
  for (let k = 0; k < count; k++) {
    const bits = mixed(Math.imul(k + 1, 0x9e3779b1) ^ place);
    const value = base + 0.2 * ((bits / 2 ** 32) * 2 - 1);
    if (dtype === 'F64') view.setFloat64(8 * k, value, true);
    else if (dtype === 'F32') view.setFloat32(4 * k, value, true);
    else if (dtype === 'F8_E4M3') view.setUint8(k, bits & 0xaf);
    else view.setUint16(2 * k, dtype === 'BF16' ? bfloat16(value) : float16(value), true);
  }
  return new Uint8Array(view.buffer);
}

function countOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

function hashOf(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h;
}

function mixed(h: number): number {
  h ^= h >>> 16;
  h = Math.imul(h, 0x7feb352d);
  h ^= h >>> 15;
  h = Math.imul(h, 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

const float = new DataView(new ArrayBuffer(4));

/** Cut off, not rounded: any rule will do, as long as it stays the same. */
function bfloat16(value: number): number {
  float.setFloat32(0, value);
  return float.getUint16(0);
}

/** Cut off; what is too small for a normal number becomes zero. */
function float16(value: number): number {
  float.setFloat32(0, value);
  const bits = float.getUint32(0);
  const exponent = ((bits >>> 23) & 0xff) - 127 + 15;
  const sign = (bits >>> 16) & 0x8000;
  return exponent < 1 ? sign : sign | (exponent << 10) | ((bits >>> 13) & 0x3ff);
}
