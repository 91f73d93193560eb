/**
 * The file formats that weights are read from. A format recognises a file by its first bytes and reads where its tensors
 * lie; what a file of any other known kind needs is said by name.
 */
import { ContiguaError } from '../errors.ts';
import { DTYPE_NAMES } from '../tensor/dtype.ts';
import { isFloatDType } from '../tensor/float.ts';
import { ELEMENT_TYPES } from './gguf/element-types.ts';
import { GGUF_MAGIC, readGgufHeader } from './gguf/header.ts';
import { readSafetensorsHeader } from './header.ts';
import { FIRST_READ_BYTES, readRange } from './read-range.ts';
import { withScales } from './scaled-fp8.ts';
import { blockOf, isReadable, type StoredDType } from './stored-dtype.ts';
import type { BlobLike, NamedBlob, TensorInfo } from './types.ts';
import { GGUF, SAFETENSORS, type WeightFormatName } from './weight-formats.ts';

export interface WeightInventory {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** The longest beginning that a format is recognised by. */
const HEAD_BYTES = 16;

interface WeightFormat extends WeightFormatName {
  /** Element types that are read. */
  readonly types: readonly string[];
  readonly note?: string;
  /** `head` are the first bytes, fewer where the file has fewer. */
  matches(head: Uint8Array): boolean;
  inventory(blob: BlobLike, file: string): Promise<WeightInventory>;
}

/** By the bits of an element. */
function largestFirst(types: readonly StoredDType[]): readonly StoredDType[] {
  const bytes = (type: StoredDType) => {
    const block = blockOf(type);
    return block ? block.bytes / block.elements : 0;
  };
  return types.toSorted((a, b) => bytes(b) - bytes(a));
}

const gguf: WeightFormat = {
  ...GGUF,
  types: largestFirst([...ELEMENT_TYPES.values()].filter(isReadable)),
  matches: (head) => head.length >= 4 && viewOf(head).getUint32(0, true) === GGUF_MAGIC,
  inventory: readGgufHeader,
};

const safetensors: WeightFormat = {
  ...SAFETENSORS,
  types: largestFirst(DTYPE_NAMES.filter(isFloatDType)),
  note: '8-bit floats also with the scales of ComfyUI',
  matches: (head) => head[8] === '{'.charCodeAt(0),
  inventory: safetensorsInventory,
};

const FORMATS: readonly WeightFormat[] = [gguf, safetensors];
/** For lists of what can be opened. */
export const WEIGHT_FORMATS: readonly Pick<WeightFormat, 'label' | 'extension' | 'types' | 'note'>[] = FORMATS;

/** Kinds of files that are met in the place of weights, by their first bytes. */
const OTHERS: readonly { readonly head: string; readonly name: string; readonly hint: string }[] = [
  {
    head: 'PK\u0003\u0004',
    name: 'a PyTorch checkpoint (pickle in a zip archive)',
    hint: 'Convert it to safetensors.',
  },
  { head: '\u0080\u0002', name: 'a PyTorch checkpoint (pickle)', hint: 'Convert it to safetensors.' },
  { head: 'tjgg', name: 'a GGML file of before GGUF', hint: 'Take the GGUF file of the same model.' },
  { head: 'lmgg', name: 'a GGML file of before GGUF', hint: 'Take the GGUF file of the same model.' },
  { head: 'version https://', name: 'a pointer of Git LFS', hint: 'Run `git lfs pull`, or download the file itself.' },
  { head: '<!DOCTYPE', name: 'a web page', hint: 'Download the file itself; it may need a login.' },
];

/** Recognised by its first bytes, whatever its name; what is recognised by none is read as its extension says. */
export async function readInventory({ path, blob }: NamedBlob): Promise<WeightInventory> {
  const beginning = await readRange(blob, path, 0, Math.min(blob.size, FIRST_READ_BYTES));
  const head = beginning.subarray(0, HEAD_BYTES);
  const text = String.fromCharCode(...head);
  const known = withBeginning(blob, beginning);
  const format = FORMATS.find((one) => one.matches(head));
  if (format) return await format.inventory(known, path);
  const other = OTHERS.find((one) => text.startsWith(one.head));
  if (other) {
    throw new ContiguaError('checkpoint-unsupported', 'The weights are in a format that is not supported', {
      file: path,
      found: other.name,
      expected: 'safetensors or GGUF',
      hint: other.hint,
    });
  }
  const named = FORMATS.find(({ extension }) => path.endsWith(extension)) ?? safetensors;
  return await named.inventory(known, path);
}

async function safetensorsInventory(blob: BlobLike, file: string): Promise<WeightInventory> {
  const header = await readSafetensorsHeader(blob, file);
  const read = (_: string, start: number, end: number) => readRange(blob, file, start, end);
  return { tensors: await withScales(header, read, file), metadata: header.metadata };
}

/** A file whose first bytes need not be read again. */
function withBeginning(blob: BlobLike, beginning: Uint8Array<ArrayBuffer>): BlobLike {
  return {
    size: blob.size,
    slice: (start = 0, end = blob.size) =>
      start >= 0 && end >= start && end <= beginning.length
        ? new Blob([beginning.subarray(start, end)])
        : blob.slice(start, end),
    arrayBuffer: () => blob.arrayBuffer(),
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
