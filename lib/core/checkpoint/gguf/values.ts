/**
 * The values of a GGUF header. Strings and numbers are given; arrays are skipped: those of image models say nothing that
 * is needed, and those of language models hold whole vocabularies.
 */
import type { Invalid } from './invalid.ts';
import type { GgufReader } from './reader.ts';

const STRING = 8;
const ARRAY = 9;
/** Of strings that are kept. A chat template has a few kB. */
const MAX_TEXT_BYTES = 2 ** 20;
/** Arrays of arrays of …; ggml writes none. */
const MAX_DEPTH = 4;

/** By the number of the type. */
const SCALARS: readonly (
  | { readonly bytes: number; read(reader: GgufReader, what: string): number | bigint | boolean }
  | undefined
)[] = [
  { bytes: 1, read: (reader, what) => reader.u8(what) },
  { bytes: 1, read: (reader, what) => reader.i8(what) },
  { bytes: 2, read: (reader, what) => reader.u16(what) },
  { bytes: 2, read: (reader, what) => reader.i16(what) },
  { bytes: 4, read: (reader, what) => reader.u32(what) },
  { bytes: 4, read: (reader, what) => reader.i32(what) },
  { bytes: 4, read: (reader, what) => reader.f32(what) },
  { bytes: 1, read: (reader, what) => reader.u8(what) !== 0 },
  undefined,
  undefined,
  { bytes: 8, read: (reader, what) => reader.u64(what) },
  { bytes: 8, read: (reader, what) => reader.i64(what) },
  { bytes: 8, read: (reader, what) => reader.f64(what) },
];

/** Null for an array, which is skipped. */
export function readValue(
  reader: GgufReader,
  key: string,
  invalid: Invalid,
): string | number | bigint | boolean | null {
  const what = `the value of ${key}`;
  const type = reader.u32(`the type of ${key}`);
  if (type === STRING) return reader.text(what, MAX_TEXT_BYTES, invalid);
  if (type === ARRAY) {
    skipArray(reader, key, invalid, 1);
    return null;
  }
  const scalar = SCALARS[type];
  if (!scalar) throw invalid('Unknown type of value', `type ${type} of "${key}"`, 'type 0 to 12');
  return scalar.read(reader, what);
}

function skipArray(reader: GgufReader, key: string, invalid: Invalid, depth: number): void {
  const what = `the value of ${key}`;
  const type = reader.u32(`the type of ${key}’s elements`);
  const length = reader.count(`the length of ${key}`);
  const scalar = SCALARS[type];
  if (scalar) {
    reader.skip(length * scalar.bytes, what);
    return;
  }
  if (type !== STRING && type !== ARRAY) {
    throw invalid('Unknown type of array', `type ${type} of "${key}"`, 'type 0 to 12');
  }
  if (depth > MAX_DEPTH) throw invalid('Arrays nest too deep', `"${key}"`, `at most ${MAX_DEPTH} levels`);
  // A string takes 8 bytes at least, an array 12.
  if (length * 8 > reader.remaining) {
    throw invalid('An array is longer than the file', `${length} elements of "${key}"`, `${reader.remaining} bytes`);
  }
  for (let i = 0; i < length; i++) {
    if (type === ARRAY) skipArray(reader, key, invalid, depth + 1);
    else reader.skip(reader.count(what), what);
  }
}
