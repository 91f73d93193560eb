/**
 * The header of a GGUF file, versions 2 and 3, little-endian: its keys and values, and where each tensor lies. Checked as
 * ggml checks it (`gguf.cpp`): offsets aligned, tensors one after the other in the order of their entries, names and keys
 * once; and every count against the bytes that the file has, before anything is made for it. Nothing of the data is read.
 */
import { ContiguaError } from '../../errors.ts';
import { blockOf } from '../stored-dtype.ts';
import type { BlobLike, TensorInfo } from '../types.ts';
import { ELEMENT_TYPES, REMOVED_ELEMENT_TYPES } from './element-types.ts';
import type { Invalid } from './invalid.ts';
import { type GgufReader, readingWindows } from './reader.ts';
import { readValue } from './values.ts';

export interface GgufHeader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Strings and numbers as text; arrays are left out. */
  readonly metadata: ReadonlyMap<string, string>;
}

export const GGUF_MAGIC = 0x46554747;
const VERSIONS = [2, 3];
/** As many as a safetensors file may have. */
const MAX_TENSORS = 2 ** 16;
const MAX_KEYS = 2 ** 16;
/** ggml allows 64; ComfyUI-GGUF is built with 128. */
const MAX_NAME_BYTES = 1024;
/** ggml's own limit. */
const MAX_DIMENSIONS = 4;
const DEFAULT_ALIGNMENT = 32;
const MAX_ALIGNMENT = 2 ** 20;
const HINT = 'The file is damaged or no GGUF file; download it again.';

export async function readGgufHeader(blob: BlobLike, file: string): Promise<GgufHeader> {
  return await readingWindows(blob, file, (reader) => parse(reader, blob.size, file));
}

function parse(reader: GgufReader, fileBytes: number, file: string): GgufHeader {
  const invalid = (summary: string, found: string, expected: string, tensor?: string) =>
    new ContiguaError('gguf-invalid', summary, { file, tensor, found, expected, hint: HINT });
  const magic = reader.u32('the magic number');
  if (magic !== GGUF_MAGIC) throw invalid('This is no GGUF file', `0x${magic.toString(16)}`, '"GGUF" as first bytes');
  const version = reader.u32('the version');
  if ((version & 0xffff) === 0) {
    throw new ContiguaError('checkpoint-unsupported', 'The file is written for big-endian machines', {
      file,
      found: `version 0x${version.toString(16)}`,
      expected: 'a little-endian GGUF file',
      hint: 'Convert it with gguf_convert_endian.py of the gguf package.',
    });
  }
  if (!VERSIONS.includes(version)) {
    throw new ContiguaError('checkpoint-unsupported', 'This version of GGUF is not supported', {
      file,
      found: `version ${version}`,
      expected: `version ${VERSIONS.join(' or ')}`,
      hint: version < 2 ? 'Convert the model again with a present version of its tool.' : undefined,
    });
  }
  const count = (what: string, most: number, bytesEach: number) => {
    const n = reader.count(`the number of ${what}`);
    if (n > most || n * bytesEach > reader.remaining) {
      throw invalid(`Too many ${what}`, String(n), `at most ${most}, and what ${reader.remaining} bytes can hold`);
    }
    return n;
  };
  const numTensors = count('tensors', MAX_TENSORS, 24);
  const numKeys = count('keys', MAX_KEYS, 13);
  const metadata = new Map<string, string>();
  const keys = new Set<string>();
  let alignment = DEFAULT_ALIGNMENT;
  for (let i = 0; i < numKeys; i++) {
    const key = reader.text('a key', MAX_NAME_BYTES, invalid);
    if (keys.has(key)) throw invalid('Key occurs twice', `"${key}" again`, 'unique keys');
    keys.add(key);
    const value = readValue(reader, key, invalid);
    if (value !== null) metadata.set(key, String(value));
    if (key === 'general.alignment') alignment = checkedAlignment(value, invalid);
  }
  const entries: Entry[] = [];
  for (let i = 0; i < numTensors; i++) entries.push(readEntry(reader, invalid));
  const dataStart = padded(reader.position, alignment);
  return { tensors: placed(entries, { dataStart, alignment, fileBytes, file }, invalid), metadata };
}

interface Entry {
  readonly name: string;
  readonly dtype: TensorInfo['dtype'];
  /** As safetensors and PyTorch count: the fastest dimension last. */
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly offset: number;
}

function readEntry(reader: GgufReader, invalid: Invalid): Entry {
  const name = reader.text('a tensor’s name', MAX_NAME_BYTES, invalid);
  const rank = reader.u32(`the rank of ${name}`);
  if (rank > MAX_DIMENSIONS) throw invalid('Too many dimensions', String(rank), `at most ${MAX_DIMENSIONS}`, name);
  const dimensions: number[] = [];
  for (let i = 0; i < rank; i++) {
    const n = reader.count(`a dimension of ${name}`);
    if (n > Number.MAX_SAFE_INTEGER) throw invalid('A dimension is too large', String(n), 'below 2⁵³', name);
    dimensions.push(n);
  }
  const type = reader.u32(`the type of ${name}`);
  const offset = reader.count(`the offset of ${name}`);
  const dtype = ELEMENT_TYPES.get(type);
  const block = dtype && blockOf(dtype);
  if (!dtype || !block) {
    const removed = REMOVED_ELEMENT_TYPES.get(type);
    throw new ContiguaError('checkpoint-unsupported', 'A tensor is stored in a type that is not known', {
      file: reader.file,
      tensor: name,
      found: removed ? `${removed} (type ${type}), which ggml has removed` : `type ${type}`,
      expected: [...ELEMENT_TYPES.values()].join(', '),
      hint: 'Take the Q8_0, Q6_K, Q5_K_S or Q4_K_S file of the same model.',
    });
  }
  const shape = dimensions.toReversed();
  const rowElements = dimensions[0] ?? 1;
  if (rowElements % block.elements) {
    throw invalid(
      'A row does not fill whole blocks',
      `${rowElements} elements`,
      `a multiple of ${block.elements}`,
      name,
    );
  }
  const bits = shape.reduce((product, n) => {
    const next = product * n;
    if (next > Number.MAX_SAFE_INTEGER) {
      throw invalid('Shape is too large to be true', `[${shape.join(', ')}]`, 'fewer than 2⁵³ bits', name);
    }
    return next;
  }, 64);
  return { name, dtype, shape, bytes: (bits / 64 / block.elements) * block.bytes, offset };
}

interface Place {
  readonly dataStart: number;
  readonly alignment: number;
  readonly fileBytes: number;
  readonly file: string;
}

function placed(entries: readonly Entry[], place: Place, invalid: Invalid): Map<string, TensorInfo> {
  const { dataStart, alignment, fileBytes, file } = place;
  const tensors = new Map<string, TensorInfo>();
  let expected = 0;
  for (const { name, dtype, shape, bytes, offset } of entries) {
    if (tensors.has(name)) throw invalid('Name occurs twice', 'a second entry', 'unique names', name);
    if (offset !== expected) {
      throw invalid('Tensors overlap or leave a hole', `offset ${offset}`, `offset ${expected}`, name);
    }
    const start = dataStart + expected;
    const end = start + bytes;
    if (end > fileBytes) {
      throw invalid('The file is cut short', `${fileBytes} bytes`, `at least ${end} bytes by its header`, name);
    }
    tensors.set(name, { name, dtype, shape, file, start, end });
    expected = padded(expected + bytes, alignment);
  }
  return tensors;
}

function checkedAlignment(value: unknown, invalid: Invalid): number {
  const isPower = typeof value === 'number' && value > 0 && Number.isSafeInteger(value) && (value & (value - 1)) === 0;
  if (isPower && value <= MAX_ALIGNMENT) return value;
  throw invalid('Unusable `general.alignment`', String(value), `a power of two up to ${MAX_ALIGNMENT}`);
}

function padded(position: number, alignment: number): number {
  return Math.ceil(position / alignment) * alignment;
}
