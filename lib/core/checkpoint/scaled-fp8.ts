/**
 * 8-bit float weights with a scale beside them, as ComfyUI stores them: value = stored value · scale, in float32.
 * The old form marks the file with a tensor `scaled_fp8` and has `X.scale_weight` beside `X.weight`; the present one says
 * for each layer how it is stored, in the header's `_quantization_metadata` or in a tensor `X.comfy_quant`, and has
 * `X.weight_scale` (ComfyUI's QUANTIZATION.md; `convert_old_quants` in comfy/utils.py turns the old into the present form).
 * Scales of activations (`scale_input`, `input_scale`) serve 8-bit arithmetic and are left out here.
 */
import { ContiguaError } from '../errors.ts';
import { isRecord } from '../is-record.ts';
import { parseJson } from '../json-text.ts';
import { printable } from '../printable.ts';
import { isFloatDType } from '../tensor/float.ts';
import { neighbours } from './inventory.ts';
import { isPlainDType, type StoredDType } from './stored-dtype.ts';
import type { TensorInfo, TensorScale } from './types.ts';
import { WRAPPERS } from './wrappers.ts';

type Tensors = ReadonlyMap<string, TensorInfo>;
type ReadFile = (file: string, start: number, end: number) => Promise<Uint8Array>;

const OLD_MARKER = /(^|\.)scaled_fp8$/;
const LAYER_MARKER = '.comfy_quant';
const METADATA = '_quantization_metadata';
/** A layer's JSON has 30 to 150 bytes. */
const MAX_LAYER_BYTES = 4096;
/** Of the header's JSON: 65,536 layers take half. */
const MAX_METADATA_BYTES = 16 * 2 ** 20;
const FORMATS: ReadonlyMap<string, 'F8_E4M3' | 'F8_E5M2'> = new Map([
  ['float8_e4m3fn', 'F8_E4M3'],
  ['float8_e5m2', 'F8_E5M2'],
]);
/** Scales of other schemes, by block or with a second scale: a weight read without them is wrong. */
const OTHER_SCALES = ['weight_scale_inv', 'scale_inv', 'weight_scale_2'];

/**
 * The tensors of a file or of shards, those of scaled layers with their scale. `file` is named where none of them can be.
 * Rejects with `checkpoint-incomplete` where a scale is missing.
 */
export async function withScales(
  { tensors, metadata }: { readonly tensors: Tensors; readonly metadata: ReadonlyMap<string, string> },
  read: ReadFile,
  file: string,
): Promise<Tensors> {
  const formats = await layerFormats(tensors, metadata, read, file);
  const oldPrefixes = [...tensors.keys()].flatMap((name) =>
    OLD_MARKER.test(name) ? [name.slice(0, -'scaled_fp8'.length)] : [],
  );
  const scaled = new Map<string, TensorInfo>();
  for (const [name, info] of tensors) {
    if (!name.endsWith('.weight')) continue;
    const layer = name.slice(0, -'.weight'.length);
    const format = formats.get(layer);
    if (format !== undefined) {
      scaled.set(name, inFormat(info, format, tensors.get(`${layer}.weight_scale`)));
      continue;
    }
    if (info.dtype !== 'F8_E4M3' && info.dtype !== 'F8_E5M2') continue;
    const other = OTHER_SCALES.map((suffix) => tensors.get(`${layer}.${suffix}`)).find((one) => one !== undefined);
    if (other) throw unsupportedScale(info, other);
    const scale = tensors.get(`${layer}.scale_weight`) ?? tensors.get(`${layer}.weight_scale`);
    const needsOne = info.shape.length > 1 && oldPrefixes.some((prefix) => name.startsWith(prefix));
    if (scale) scaled.set(name, withScale(info, info.dtype, scale));
    else if (needsOne) throw missingScale(info, `${layer}.scale_weight`, 'the file is marked with `scaled_fp8`');
  }
  if (scaled.size === 0) return tensors;
  return new Map([...tensors].map(([name, info]) => [name, scaled.get(name) ?? info]));
}

/** `format` is ComfyUI's name. Other formats change shapes and types: such a tensor is known by that name alone. */
function inFormat(info: TensorInfo, format: string, scale: TensorInfo | undefined): TensorInfo {
  const dtype = FORMATS.get(format);
  if (!dtype) return { ...info, dtype: `ComfyUI's ${format}` };
  // Some tools store the bytes as U8.
  if (info.dtype !== dtype && info.dtype !== 'U8') {
    throw new ContiguaError('checkpoint-unsupported', 'A layer is stored in another type than the file says', {
      file: info.file,
      tensor: info.name,
      found: info.dtype,
      expected: `${dtype}, as its format is ${format}`,
    });
  }
  if (!scale) throw missingScale(info, `${info.name.replace(/weight$/, 'weight_scale')}`, `its format is ${format}`);
  return withScale(info, dtype, scale);
}

function withScale(info: TensorInfo, dtype: 'F8_E4M3' | 'F8_E5M2', scale: TensorInfo): TensorInfo {
  const count = scale.shape.reduce((product, n) => product * n, 1);
  const [rows = 1] = info.shape;
  const perRow = count > 1 && scale.shape.length === info.shape.length && count === rows && scale.shape[0] === rows;
  const isFloat = isPlainDType(scale.dtype) && isFloatDType(scale.dtype);
  if ((count !== 1 && !perRow) || !isFloat) throw unsupportedScale(info, scale);
  const source: TensorScale = { dtype: scale.dtype, file: scale.file, start: scale.start, end: scale.end, perRow };
  const scaledDType: StoredDType = dtype === 'F8_E4M3' ? 'F8_E4M3 scaled' : 'F8_E5M2 scaled';
  return { ...info, dtype: scaledDType, scale: source };
}

/** ComfyUI's format of each layer that has one. */
async function layerFormats(
  tensors: Tensors,
  metadata: ReadonlyMap<string, string>,
  read: ReadFile,
  file: string,
): Promise<ReadonlyMap<string, string>> {
  const formats = new Map<string, string>();
  const text = metadata.get(METADATA);
  if (text !== undefined) {
    const value = parsed(text, file, METADATA, MAX_METADATA_BYTES);
    const layers = isRecord(value) ? value.layers : undefined;
    if (!isRecord(layers)) throw unusable(file, METADATA, 'no `layers`');
    for (const [layer, entry] of Object.entries(layers)) {
      // The names in the header's JSON sometimes lack what wraps the model.
      const wrapper = WRAPPERS.find((one) => tensors.has(`${one}${layer}.weight`));
      if (wrapper === undefined)
        throw unusable(file, METADATA, `layer ${printable(layer, 80)}, which has no weight here`);
      formats.set(wrapper + layer, formatIn(entry, file, METADATA));
    }
  }
  const markers = [...tensors.values()].filter(({ name }) => name.endsWith(LAYER_MARKER));
  for (const marker of markers) {
    if (marker.end - marker.start > MAX_LAYER_BYTES) {
      throw unusable(file, marker.name, `${marker.end - marker.start} bytes`);
    }
  }
  for (const group of neighbours(markers)) {
    const start = group[0]?.start ?? 0;
    const bytes = await read(group[0]?.file ?? '', start, group.at(-1)?.end ?? start);
    for (const marker of group) {
      const json = new TextDecoder().decode(bytes.subarray(marker.start - start, marker.end - start));
      const entry = parsed(json, file, marker.name, MAX_LAYER_BYTES);
      formats.set(marker.name.slice(0, -LAYER_MARKER.length), formatIn(entry, file, marker.name));
    }
  }
  return formats;
}

function parsed(text: string, file: string, tensor: string, maxBytes: number): unknown {
  return parseJson(text, {
    file,
    tensor,
    code: 'safetensors-invalid',
    notJson: 'What says how layers are stored is not JSON',
    expected: 'a JSON object',
    maxBytes,
  });
}

/** Some tools write the format alone in an object's place. */
function formatIn(entry: unknown, file: string, where: string): string {
  const format = isRecord(entry) ? entry.format : entry;
  if (typeof format === 'string' && format !== '') return format;
  throw unusable(file, where, JSON.stringify(entry ?? null).slice(0, 80));
}

function unusable(file: string, tensor: string, found: string): ContiguaError {
  return new ContiguaError('safetensors-invalid', 'What says how layers are stored is not usable', {
    file,
    tensor,
    found,
    expected: 'an object with a `format` for each layer, as in ComfyUI’s QUANTIZATION.md',
  });
}

function unsupportedScale(info: TensorInfo, scale: TensorInfo): ContiguaError {
  return new ContiguaError('checkpoint-unsupported', 'This kind of scale is not supported', {
    file: scale.file,
    tensor: scale.name,
    found: `${scale.dtype} [${scale.shape.join(', ')}] for [${info.shape.join(', ')}]`,
    expected: 'a tensor `weight_scale` or `scale_weight` of one number, or one for each row',
    hint: 'Take the BF16 or GGUF file of the same model.',
  });
}

function missingScale({ file, name }: TensorInfo, scale: string, why: string): ContiguaError {
  return new ContiguaError('checkpoint-incomplete', 'An 8-bit weight lacks the scale that it needs', {
    file,
    tensor: name,
    found: `no tensor ${scale}`,
    expected: `one, as ${why}`,
    hint: 'Download the file again, or take the BF16 file of the same model.',
  });
}
