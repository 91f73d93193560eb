/**
 * The header of one safetensors file, checked as the reference reader checks it (format 0.8: same order, same bounds)
 * and more strictly where the format's text asks for it: duplicate tensor names are refused. Nothing of the data is
 * read. Not checked: values (NaN is found when a weight is used).
 */
import { ContiguaError } from '../errors.ts';
import { isRecord } from '../is-record.ts';
import { MAX_JSON_BYTES, parseJson } from '../json-text.ts';
import { DTYPE_BITS, type DType } from '../tensor/dtype.ts';
import { FIRST_READ_BYTES, readRange } from './read-range.ts';
import { scanJson } from './scan-json.ts';
import type { BlobLike, TensorInfo } from './types.ts';

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorInfo<DType>>;
  readonly metadata: ReadonlyMap<string, string>;
}

const LENGTH_BYTES = 8;
/** 1,024 blocks of 64 tensors; Qwen-Image has 60 of 32. */
const MAX_TENSORS = 2 ** 16;
const HINT = 'The file is damaged or no safetensors file; download or export it again.';

export async function readSafetensorsHeader(blob: BlobLike, file: string): Promise<SafetensorsHeader> {
  const invalid = (summary: string, found: string, expected: string, tensor?: string) =>
    new ContiguaError('safetensors-invalid', summary, { file, tensor, found, expected, hint: HINT });

  if (blob.size < LENGTH_BYTES) {
    const found = blob.size === 0 ? 'an empty file (0 bytes)' : `${blob.size} bytes`;
    throw invalid('Too short for a safetensors file', found, `at least ${LENGTH_BYTES} bytes`);
  }
  const first = await readRange(blob, file, 0, Math.min(blob.size, FIRST_READ_BYTES));
  const headerBytes = new DataView(first.buffer, first.byteOffset).getBigUint64(0, true);
  const maxBytes = MAX_JSON_BYTES.header;
  if (headerBytes > maxBytes) {
    throw invalid('Header too large', `a header length of ${headerBytes}`, `at most ${maxBytes} bytes`);
  }
  const dataStart = LENGTH_BYTES + Number(headerBytes);
  if (dataStart > blob.size) {
    throw invalid('The file is cut short inside its header', `${blob.size} bytes`, `at least ${dataStart} bytes`);
  }
  const bytes =
    dataStart <= first.length
      ? first.subarray(LENGTH_BYTES, dataStart)
      : await readRange(blob, file, LENGTH_BYTES, dataStart);
  const { entries, metadata } = parseHeaderText(decodeUtf8(bytes, invalid), file, invalid);
  return { tensors: placeTensors(entries, dataStart, blob.size, file, invalid), metadata };
}

type Invalid = (summary: string, found: string, expected: string, tensor?: string) => ContiguaError;
interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function decodeUtf8(bytes: Uint8Array, invalid: Invalid): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid('Header is not UTF-8', 'invalid bytes', 'UTF-8 text');
  }
}

function parseHeaderText(
  text: string,
  file: string,
  invalid: Invalid,
): { entries: Entry[]; metadata: Map<string, string> } {
  const header = parseJson(text, {
    file,
    code: 'safetensors-invalid',
    notJson: 'Header is not JSON',
    expected: 'a JSON object',
    hint: HINT,
    maxBytes: MAX_JSON_BYTES.header,
  });
  if (!isRecord(header)) throw invalid('Header is not a JSON object', shown(header), 'a JSON object');
  scanJson(text, {
    duplicate(path) {
      const [name] = path;
      if (path.length === 1) throw invalid('Name occurs twice in the header', 'a duplicate key', 'unique names', name);
      if (path.length === 2 && name !== '__metadata__') {
        throw invalid('Field occurs twice in its header entry', `\`${path[1]}\` twice`, 'each field once', name);
      }
    },
    number([name, field, ...rest], literal) {
      // The reference reader refuses such a header, in fields that nobody reads too.
      if (!Number.isFinite(Number(literal)))
        throw invalid('A number is out of range', literal, 'a finite number', name);
      if (name === '__metadata__' || rest.length || (field !== 'shape' && field !== 'data_offsets')) return;
      if (!/^\d+$/.test(literal)) throw invalid(`\`${field}\` is not whole numbers`, literal, 'whole numbers', name);
    },
  });

  const entries: Entry[] = [];
  let metadata = new Map<string, string>();
  const names = Object.keys(header).filter((name) => name !== '__metadata__');
  if (names.length > MAX_TENSORS) {
    throw invalid('Too many tensors for a model', `${names.length}`, `at most ${MAX_TENSORS}`);
  }
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') metadata = parseMetadata(value, invalid);
    else entries.push(parseEntry(name, value, invalid));
  }
  return { entries, metadata };
}

function parseMetadata(value: unknown, invalid: Invalid): Map<string, string> {
  if (value === null) return new Map();
  if (!isRecord(value)) throw invalid('`__metadata__` is not an object', shown(value), 'an object of strings');
  const metadata = new Map<string, string>();
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') {
      throw invalid(`\`__metadata__\` value "${key}" is not a string`, shown(text), 'a string');
    }
    metadata.set(key, text);
  }
  return metadata;
}

function parseEntry(name: string, value: unknown, invalid: Invalid): Entry {
  if (!isRecord(value)) throw invalid('Header entry is not an object', shown(value), 'an object', name);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !isDType(dtype)) {
    throw invalid('Unknown dtype', shown(dtype), Object.keys(DTYPE_BITS).join(', '), name);
  }
  if (!isCounts(shape)) throw invalid('Unusable shape', shown(shape), 'a list of whole numbers', name);
  if (!isCounts(offsets) || offsets.length !== 2) {
    throw invalid('Unusable data_offsets', shown(offsets), 'two whole numbers [begin, end]', name);
  }
  const [begin, end] = offsets;
  return { name, dtype, shape, begin: begin ?? 0, end: end ?? 0 };
}

/** Checks that the tensors tile the data exactly, and gives each its place in the file. */
function placeTensors(
  entries: Entry[],
  dataStart: number,
  fileBytes: number,
  file: string,
  invalid: Invalid,
): Map<string, TensorInfo<DType>> {
  entries.sort((x, y) => x.begin - y.begin || x.end - y.end);
  let position = 0;
  const tensors = new Map<string, TensorInfo<DType>>();
  for (const { name, dtype, shape, begin, end } of entries) {
    if (begin !== position || end < begin) {
      throw invalid('Data ranges overlap or leave a hole', `[${begin}, ${end}]`, `a range from ${position} on`, name);
    }
    const bits = shape.reduce((product, n) => checkedProduct(product, n, shape, name, invalid), DTYPE_BITS[dtype]);
    if (bits % 8) throw invalid('Elements do not fill whole bytes', `${bits} bits`, 'a multiple of 8', name);
    if (end - begin !== bits / 8) {
      const expected = `${bits / 8} bytes for ${dtype} [${shape.join(', ')}]`;
      throw invalid('Data range does not fit dtype and shape', `${end - begin} bytes`, expected, name);
    }
    position = end;
    tensors.set(name, { name, dtype, shape, file, start: dataStart + begin, end: dataStart + end });
  }
  const expectedBytes = dataStart + position;
  if (expectedBytes !== fileBytes) {
    const summary = fileBytes < expectedBytes ? 'The file is cut short' : 'The file goes on after its last tensor';
    throw invalid(summary, `${fileBytes} bytes`, `${expectedBytes} bytes by its header`);
  }
  return tensors;
}

function checkedProduct(product: number, n: number, shape: readonly number[], name: string, invalid: Invalid): number {
  const next = product * n;
  if (next > Number.MAX_SAFE_INTEGER) {
    throw invalid('Shape is too large to be true', `[${shape.join(', ')}]`, 'fewer than 2⁵³ bits', name);
  }
  return next;
}

function isDType(value: string): value is DType {
  return Object.hasOwn(DTYPE_BITS, value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
