/** Stored whole numbers as JavaScript reads them: 64-bit ones as bigint. */
import type { DType } from './dtype.ts';

type ReadIntegers = (bytes: Uint8Array) => ArrayLike<number | bigint>;

const INTEGERS: Readonly<Partial<Record<DType, (buffer: ArrayBuffer) => ArrayLike<number | bigint>>>> = {
  I64: (buffer) => new BigInt64Array(buffer),
  U64: (buffer) => new BigUint64Array(buffer),
  I32: (buffer) => new Int32Array(buffer),
  U32: (buffer) => new Uint32Array(buffer),
  I16: (buffer) => new Int16Array(buffer),
  U16: (buffer) => new Uint16Array(buffer),
  I8: (buffer) => new Int8Array(buffer),
  U8: (buffer) => new Uint8Array(buffer),
};

/** How bytes of that type are read; null where it holds no whole numbers. */
export function integersOf(dtype: DType | undefined): ReadIntegers | null {
  const view = dtype && INTEGERS[dtype];
  return view ? (bytes) => view(bytes.slice().buffer) : null;
}
