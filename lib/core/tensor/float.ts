/**
 * Stored element types to and from float32. Safetensors data is little-endian, as is every host that JavaScript runs
 * on today; tables decode the narrow floats because bit arithmetic per element is slower.
 */
import { ContiguaError, type ErrorDetails } from '../errors.ts';
import type { DType } from './dtype.ts';

/** Types whose bytes an engine can take as they are stored. */
export type BinaryFloat = 'F32' | 'F16' | 'BF16';

export interface StoredFloats {
  readonly dtype: BinaryFloat;
  /** C order, little-endian, at any offset of its buffer. */
  readonly bytes: Uint8Array;
}

const FLOAT_DTYPES = new Set<DType>(['F64', 'F32', 'F16', 'BF16', 'F8_E4M3', 'F8_E5M2']);

export function isFloatDType(dtype: DType): boolean {
  return FLOAT_DTYPES.has(dtype);
}

/** Values of `bytes` as float32, always a fresh or unshared array. `where` names file and tensor if the dtype has no float meaning. */
export function toFloat32(bytes: Uint8Array, dtype: DType, where: Pick<ErrorDetails, 'file' | 'tensor'>): Float32Array {
  switch (dtype) {
    case 'F32':
    case 'BF16':
    case 'F16': {
      const codes = floatCodes({ dtype, bytes });
      const words = new Uint32Array(codes.length);
      decodeWords(codes, dtype, words);
      return new Float32Array(words.buffer);
    }
    case 'F64':
      return Float32Array.from(new Float64Array(...aligned(bytes, 8)));
    case 'F8_E4M3':
      return throughTable(bytes, e4m3Table());
    case 'F8_E5M2':
      return throughTable(bytes, e5m2Table());
    default:
      throw new ContiguaError(
        'checkpoint-unsupported',
        'A tensor of numbers is stored in a type that holds no plain floats',
        {
          ...where,
          found: dtype,
          expected: [...FLOAT_DTYPES].join(', '),
          hint: 'Convert the checkpoint to BF16, F16 or F32 first.',
        },
      );
  }
}

/** Bytes of `values`, rounded to nearest even for the 16-bit types. */
export function fromFloat32(values: Float32Array, dtype: 'F32' | 'F16' | 'BF16'): Uint8Array<ArrayBuffer> {
  if (dtype === 'F32') return new Uint8Array(new Float32Array(values).buffer);
  const words = new Uint32Array(new Float32Array(values).buffer);
  const halves = new Uint16Array(words.length);
  const round = dtype === 'BF16' ? roundToBfloat : roundToHalf;
  for (let i = 0; i < words.length; i++) halves[i] = round(words[i]!);
  return new Uint8Array(halves.buffer);
}

/** The nearest values that fit in bfloat16, ties to even. */
export function roundedToBfloat(values: Float32Array): Float32Array<ArrayBuffer> {
  const words = new Uint32Array(new Float32Array(values).buffer);
  for (let i = 0; i < words.length; i++) words[i] = roundToBfloat(words[i]!) << 16;
  return new Float32Array(words.buffer);
}

/** The elements' bits: a view where the bytes' place in memory allows one, otherwise a copy. */
export function floatCodes({ dtype, bytes }: StoredFloats): Uint16Array | Uint32Array {
  return dtype === 'F32' ? new Uint32Array(...aligned(bytes, 4)) : new Uint16Array(...aligned(bytes, 2));
}

/**
 * Writes the float32 bits of `codes` to `words`, which has as many elements. Returns whether all are finite: adding one to
 * an exponent carries into the sign's place only where the exponent is all ones.
 */
export function decodeWords(codes: Uint16Array | Uint32Array, dtype: BinaryFloat, words: Uint32Array): boolean {
  let carries = 0;
  switch (dtype) {
    case 'BF16':
      for (let i = 0; i < codes.length; i++) {
        const word = codes[i]! << 16;
        carries |= (word & EXPONENT) + ONE;
        words[i] = word;
      }
      break;
    case 'F16': {
      const table = new Uint32Array(halfTable().buffer);
      for (let i = 0; i < codes.length; i++) {
        const word = table[codes[i]!]!;
        carries |= (word & EXPONENT) + ONE;
        words[i] = word;
      }
      break;
    }
    case 'F32':
      words.set(codes);
      return allFinite(words);
  }
  return carries >= 0;
}

/** Of the bits of float32 numbers. */
export function allFinite(words: Uint32Array): boolean {
  let carries = 0;
  for (let i = 0; i < words.length; i++) carries |= (words[i]! & EXPONENT) + ONE;
  return carries >= 0;
}

/** The exponent of a float32, and its lowest bit. */
const [EXPONENT, ONE] = [0x7f800000, 0x00800000];

/** Where a wider view may be laid: over the bytes themselves, or over a copy where they start between its elements. */
function aligned(
  bytes: Uint8Array,
  bytesPerElement: number,
): [buffer: ArrayBufferLike, offset: number, length: number] {
  const length = bytes.byteLength / bytesPerElement;
  if (!Number.isInteger(length)) {
    throw new RangeError(`${bytes.byteLength} bytes are no whole number of elements`);
  }
  const { buffer, byteOffset } = bytes.byteOffset % bytesPerElement ? bytes.slice() : bytes;
  return [buffer, byteOffset, length];
}

function throughTable(codes: Uint8Array, table: Float32Array): Float32Array {
  const values = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) values[i] = table[codes[i]!]!;
  return values;
}

function roundToBfloat(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40; // NaN stays NaN
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function roundToHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 2¹⁶ and above
  if (magnitude < 0x38800000) {
    // Subnormal half: shift the mantissa, hidden bit included, by the exponent's lack.
    const shift = 126 - (magnitude >>> 23);
    if (shift > 24) return sign;
    const mantissa = (magnitude & 0x7fffff) | 0x800000;
    const kept = mantissa >>> shift;
    const rest = mantissa & ((1 << shift) - 1);
    const half = 1 << (shift - 1);
    return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
  }
  const rebased = magnitude - 0x38000000;
  return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
}

/** IEEE-like code → value, for `mantissaBits` and `bias`; the all-ones exponent is infinity and NaN where `hasInfinity`. */
function decodeTable(size: number, mantissaBits: number, exponentBits: number, hasInfinity: boolean): Float32Array {
  const bias = 2 ** (exponentBits - 1) - 1;
  const exponentMask = 2 ** exponentBits - 1;
  const mantissaMask = 2 ** mantissaBits - 1;
  return Float32Array.from({ length: size }, (_, code) => {
    const sign = code >= size / 2 ? -1 : 1;
    const exponent = (code >> mantissaBits) & exponentMask;
    const mantissa = code & mantissaMask;
    if (hasInfinity && exponent === exponentMask) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    if (!hasInfinity && exponent === exponentMask && mantissa === mantissaMask) return Number.NaN;
    const significand = mantissa / 2 ** mantissaBits + (exponent ? 1 : 0);
    return sign * significand * 2 ** ((exponent || 1) - bias);
  });
}

let half: Float32Array | undefined;
/** Values of all 65,536 half-precision numbers, by their 16 bits. */
export function halfTable(): Float32Array {
  half ??= decodeTable(65536, 10, 5, true);
  return half;
}
let e4m3: Float32Array | undefined;
function e4m3Table(): Float32Array {
  e4m3 ??= decodeTable(256, 3, 4, false);
  return e4m3;
}
let e5m2: Float32Array | undefined;
function e5m2Table(): Float32Array {
  e5m2 ??= decodeTable(256, 2, 5, true);
  return e5m2;
}
