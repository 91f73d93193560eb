/**
 * Where hidden states and other matrices of an analysis are kept while they are not in use: in memory, on disk or in the
 * browser's OPFS, behind one interface. A matrix is created, its rows are written in any order, and it is sealed; only a
 * sealed matrix can be read. Values are float32, and what is read is bit for bit what was written.
 */
import { ContiguaError } from '../errors.ts';

export interface StateShape {
  readonly rows: number;
  readonly width: number;
}

export interface StateUsage {
  /** Held in this process. */
  readonly memoryBytes: number;
  /** Held in files. */
  readonly storedBytes: number;
}

/** Calls for different keys may overlap; those for one key are awaited one after the other. */
export interface StateStore {
  /** Replaces what the key named, sealed or half-written. Throws `too-large` where the budget has no room for it. */
  create(key: string, rows: number, width: number): Promise<void>;
  /** `values`: whole rows [n, width], from row `fromRow` on. */
  write(key: string, fromRow: number, values: Float32Array): Promise<void>;
  /** Complete. A file store finds sealed matrices again after a restart, and no others. */
  seal(key: string): Promise<void>;
  /** Of a sealed matrix; null where there is none, or where its file is damaged. */
  shape(key: string): Promise<StateShape | null>;
  /** Rows `fromRow` to `toRow` (exclusive), a copy; all by default. */
  read(key: string, fromRow?: number, toRow?: number): Promise<Float32Array<ArrayBuffer>>;
  /** Does nothing where there is none. */
  remove(key: string): Promise<void>;
  /** Removes everything, what earlier processes sealed too. */
  clear(): Promise<void>;
  readonly usage: StateUsage;
  /** Frees memory and handles. Sealed files stay; half-written ones are removed. */
  dispose(): Promise<void>;
}

export const FLOAT_BYTES = 4;

/** Parts of letters, digits, `-` and `_`, joined by `/`, so that a key is also a file name on every system. */
const KEY = /^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/;
const MAX_KEY = 160;

export function checkKey(key: string): void {
  if (!KEY.test(key) || key.length > MAX_KEY) throw new RangeError(`Not a key of a state: ${key}`);
}

/** Throws RangeError unless `values` are whole rows inside the matrix. Returns how many. */
export function checkRows(key: string, { rows, width }: StateShape, fromRow: number, values: Float32Array): number {
  const count = values.length / width;
  if (Number.isInteger(count) && fromRow >= 0 && fromRow + count <= rows) return count;
  throw new RangeError(`${values.length} values from row ${fromRow} do not fit into ${key} [${rows}, ${width}]`);
}

export function checkRange(key: string, { rows }: StateShape, fromRow: number, toRow: number): void {
  if (0 <= fromRow && fromRow <= toRow && toRow <= rows) return;
  throw new RangeError(`${key} has no rows ${fromRow} to ${toRow}: it has ${rows}`);
}

export function notSealed(key: string): RangeError {
  return new RangeError(`No sealed state ${key}`);
}

/** `budget` names the setting, such as "memory". The message tells the smallest one that would fit. */
export function overBudget(budget: string, budgetBytes: number, neededBytes: number): ContiguaError {
  return new ContiguaError('too-large', `The states do not fit the budget of ${budget}`, {
    found: `${shownBytes(budgetBytes)} allowed`,
    expected: `at least ${shownBytes(neededBytes)}`,
    hint: `Allow ${shownBytes(neededBytes)} of ${budget} or more, or analyse fewer tokens.`,
  });
}

/** Rounded up, so that a setting that is copied from a message fits. */
export function shownBytes(bytes: number): string {
  const [unit, size] = bytes >= 1e9 ? ['GB', 1e9] : bytes >= 1e6 ? ['MB', 1e6] : (['kB', 1e3] as const);
  const scaled = bytes / size;
  return `${scaled >= 100 ? Math.ceil(scaled) : Math.ceil(scaled * 10) / 10} ${unit}`;
}

/** Which rows of a matrix have been written. */
export class WrittenRows {
  readonly #written: Uint8Array;
  #left: number;

  constructor(private readonly rows: number) {
    this.#written = new Uint8Array(rows);
    this.#left = rows;
  }

  add(fromRow: number, count: number): void {
    for (let row = fromRow; row < fromRow + count; row++) {
      if (this.#written[row] === 0) this.#left -= 1;
      this.#written[row] = 1;
    }
  }

  /** Throws RangeError where rows are missing. */
  checkComplete(key: string): void {
    if (this.#left > 0) throw new RangeError(`${key} lacks ${this.#left} of its ${this.rows} rows`);
  }
}
