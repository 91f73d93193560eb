/** Writes one safetensors file the way the reference writer does: widest dtypes first, then by name, header padded to 8. */
import { ContiguaError } from '../errors.ts';
import { DTYPE_BITS, type DType } from '../tensor/dtype.ts';

export interface TensorToWrite {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const DTYPE_ORDER = Object.keys(DTYPE_BITS);

export function writeSafetensors(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Uint8Array<ArrayBuffer> {
  const sorted = tensors.toSorted(
    (x, y) => DTYPE_ORDER.indexOf(y.dtype) - DTYPE_ORDER.indexOf(x.dtype) || (x.name < y.name ? -1 : 1),
  );
  const entries = new Map<string, unknown>([['__metadata__', metadata]]);
  let position = 0;
  for (const { name, dtype, shape, bytes } of sorted) {
    const expected = (shape.reduce((product, n) => product * n, 1) * DTYPE_BITS[dtype]) / 8;
    if (entries.has(name) || bytes.length !== expected) {
      throw new ContiguaError('internal', 'This tensor cannot be written', {
        tensor: name,
        found: entries.has(name) ? 'its name twice' : `${bytes.length} bytes`,
        expected: `${expected} bytes for ${dtype} [${shape.join(', ')}], once`,
      });
    }
    entries.set(name, { dtype, shape, data_offsets: [position, position + bytes.length] });
    position += bytes.length;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + headerBytes + position).fill(0x20, 8, 8 + headerBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.set(json, 8);
  let offset = 8 + headerBytes;
  for (const { bytes } of sorted) {
    file.set(bytes, offset);
    offset += bytes.length;
  }
  return file;
}
