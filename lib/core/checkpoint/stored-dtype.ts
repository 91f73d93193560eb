/**
 * How the elements of a tensor are stored, whatever the file's format: types of safetensors, 8-bit floats with a scale
 * beside them (scaled-fp8.ts), and blocks of GGUF. All become float32 here. What has no float meaning, or no decoder, is
 * known by name, so that it can be refused by name where it is needed.
 */
import { ContiguaError, type ErrorDetails } from '../errors.ts';
import { DTYPE_BITS, type DType } from '../tensor/dtype.ts';
import { isFloatDType, toFloat32 } from '../tensor/float.ts';
import { type BlockTypeName, blockType, isBlockType } from './gguf/block-types.ts';

/** Values are to be multiplied by a scale that is stored in another tensor. */
export type ScaledDType = 'F8_E4M3 scaled' | 'F8_E5M2 scaled';
/** A format of ComfyUI whose tensors have shapes and types of their own. */
export type OtherDType = `ComfyUI's ${string}`;
export type StoredDType = DType | BlockTypeName | ScaledDType | OtherDType;

/** What can be computed with, for messages. */
export const READABLE_DTYPES = 'BF16, F16, F32, F64, F8_E4M3, F8_E5M2, or GGUF’s Q8_0, Q6_K, Q5_K, Q4_K, Q4_0';

export function isPlainDType(dtype: StoredDType): dtype is DType {
  return Object.hasOwn(DTYPE_BITS, dtype);
}

/** Whether elements become float32. */
export function isReadable(dtype: StoredDType): boolean {
  if (isPlainDType(dtype)) return isFloatDType(dtype);
  if (isBlockType(dtype)) return blockType(dtype).decode !== undefined;
  return unscaled(dtype) !== null;
}

/** Elements of one indivisible block, and its size. Null where elements do not fill whole bytes, or nothing is known of them. */
export function blockOf(dtype: StoredDType): { readonly elements: number; readonly bytes: number } | null {
  if (isBlockType(dtype)) return blockType(dtype);
  const plain = isPlainDType(dtype) ? dtype : unscaled(dtype);
  const bits = plain === null ? 0 : DTYPE_BITS[plain];
  return bits > 0 && bits % 8 === 0 ? { elements: 1, bytes: bits / 8 } : null;
}

/** Values of whole blocks as float32, in an array of their own; scales are the caller's business. Throws `checkpoint-unsupported`. */
export function decoded(
  bytes: Uint8Array,
  dtype: StoredDType,
  where: Pick<ErrorDetails, 'file' | 'tensor'>,
): Float32Array {
  if (isPlainDType(dtype)) return toFloat32(bytes, dtype, where);
  const stored = unscaled(dtype);
  if (stored) return toFloat32(bytes, stored, where);
  if (!isBlockType(dtype)) throw unreadable(dtype, where);
  const block = blockType(dtype);
  if (!block.decode) throw unreadable(dtype, where);
  const values = new Float32Array((bytes.length / block.bytes) * block.elements);
  block.decode(bytes, values);
  return values;
}

/** A tensor that is needed is stored in a way that this version does not read. */
export function unreadable(dtype: StoredDType, where: Pick<ErrorDetails, 'file' | 'tensor'>): ContiguaError {
  return new ContiguaError('checkpoint-unsupported', 'A weight is stored in a type that is not supported', {
    ...where,
    found: dtype,
    expected: READABLE_DTYPES,
    hint: isBlockType(dtype)
      ? 'Take the Q8_0, Q6_K, Q5_K_S or Q4_K_S file of the same model.'
      : 'Take the BF16, 8-bit float (fp8) or GGUF file of the same model.',
  });
}

function unscaled(dtype: StoredDType): 'F8_E4M3' | 'F8_E5M2' | null {
  if (dtype === 'F8_E4M3 scaled') return 'F8_E4M3';
  return dtype === 'F8_E5M2 scaled' ? 'F8_E5M2' : null;
}
