/** Lays out and writes one safetensors file the way the reference writer does: widest dtypes first, then by name, header padded to 8. */
import { ContiguaError } from '../errors.ts';
import { DTYPE_BITS, type DType } from '../tensor/dtype.ts';

export interface TensorLayout {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export interface TensorToWrite extends TensorLayout {
  readonly bytes: Uint8Array;
}

const DTYPE_ORDER = Object.keys(DTYPE_BITS);

export function tensorBytes({ dtype, shape }: Omit<TensorLayout, 'name'>): number {
  return (shape.reduce((product, n) => product * n, 1) * DTYPE_BITS[dtype]) / 8;
}

/**
 * The file's first bytes, and the tensors in the order in which their data follows, without gaps. `as-given` is for who writes
 * tensors as they come, and sees to their alignment.
 */
export function safetensorsLayout<T extends TensorLayout>(
  tensors: readonly T[],
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
  order: 'as-the-reference' | 'as-given' = 'as-the-reference',
): { readonly header: Uint8Array<ArrayBuffer>; readonly tensors: readonly T[] } {
  const sorted =
    order === 'as-given'
      ? tensors
      : tensors.toSorted(
          (x, y) => DTYPE_ORDER.indexOf(y.dtype) - DTYPE_ORDER.indexOf(x.dtype) || (x.name < y.name ? -1 : 1),
        );
  const entries = new Map<string, unknown>([['__metadata__', metadata]]);
  let position = 0;
  for (const { name, dtype, shape } of sorted) {
    if (entries.has(name)) throw unwritable(name, 'its name twice', 'it once');
    const end = position + tensorBytes({ dtype, shape });
    entries.set(name, { dtype, shape, data_offsets: [position, end] });
    position = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + headerBytes).fill(0x20, 8);
  new DataView(header.buffer).setBigUint64(0, BigInt(headerBytes), true);
  header.set(json, 8);
  return { header, tensors: sorted };
}

export function writeSafetensors(
  tensors: readonly TensorToWrite[],
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  for (const { name, dtype, shape, bytes } of tensors) {
    const expected = tensorBytes({ dtype, shape });
    if (bytes.length !== expected) {
      throw unwritable(name, `${bytes.length} bytes`, `${expected} bytes for ${dtype} [${shape.join(', ')}]`);
    }
  }
  const { header, tensors: sorted } = safetensorsLayout(tensors, metadata);
  const file = new Uint8Array(sorted.reduce((sum, { bytes }) => sum + bytes.length, header.length));
  file.set(header);
  let offset = header.length;
  for (const { bytes } of sorted) {
    file.set(bytes, offset);
    offset += bytes.length;
  }
  return file;
}

function unwritable(tensor: string, found: string, expected: string): ContiguaError {
  return new ContiguaError('internal', 'This tensor cannot be written', { tensor, found, expected });
}
