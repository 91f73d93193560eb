/** States in memory, for models whose states fit, and as the first tier of a larger store. Nothing outlives the process. */
import {
  checkKey,
  checkRange,
  checkRows,
  FLOAT_BYTES,
  notSealed,
  overBudget,
  type StateShape,
  type StateStore,
  WrittenRows,
} from './state-store.ts';

interface Matrix extends StateShape {
  readonly values: Float32Array;
  /** Null once sealed. */
  written: WrittenRows | null;
}

/** `hasRoom` tells whether a matrix of so many bytes may be created. */
export type MemoryStates = StateStore & { hasRoom(bytes: number): boolean };

export function memoryStates(budgetBytes = Number.POSITIVE_INFINITY): MemoryStates {
  const matrices = new Map<string, Matrix>();
  let usedBytes = 0;

  function found(key: string, sealed: boolean): Matrix {
    const matrix = matrices.get(key);
    if (matrix && (matrix.written === null) === sealed) return matrix;
    throw sealed ? notSealed(key) : new RangeError(`${key} was not created, or is sealed`);
  }
  function free(key: string): void {
    usedBytes -= matrices.get(key)?.values.byteLength ?? 0;
    matrices.delete(key);
  }

  return {
    hasRoom: (bytes) => usedBytes + bytes <= budgetBytes,
    async create(key, rows, width) {
      checkKey(key);
      free(key);
      const bytes = rows * width * FLOAT_BYTES;
      if (usedBytes + bytes > budgetBytes) throw overBudget('memory', budgetBytes, usedBytes + bytes);
      usedBytes += bytes;
      matrices.set(key, { rows, width, values: new Float32Array(rows * width), written: new WrittenRows(rows) });
    },
    async write(key, fromRow, values) {
      const matrix = found(key, false);
      matrix.written?.add(fromRow, checkRows(key, matrix, fromRow, values));
      matrix.values.set(values, fromRow * matrix.width);
    },
    async seal(key) {
      const matrix = found(key, false);
      matrix.written?.checkComplete(key);
      matrix.written = null;
    },
    async shape(key) {
      const matrix = matrices.get(key);
      return matrix?.written === null ? { rows: matrix.rows, width: matrix.width } : null;
    },
    async read(key, fromRow = 0, toRow) {
      const matrix = found(key, true);
      const end = toRow ?? matrix.rows;
      checkRange(key, matrix, fromRow, end);
      return Float32Array.from(matrix.values.subarray(fromRow * matrix.width, end * matrix.width));
    },
    async remove(key) {
      free(key);
    },
    async clear() {
      matrices.clear();
      usedBytes = 0;
    },
    get usage() {
      return { memoryBytes: usedBytes, storedBytes: 0 };
    },
    async dispose() {
      matrices.clear();
      usedBytes = 0;
    },
  };
}
