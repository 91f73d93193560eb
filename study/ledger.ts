/**
 * What the study has measured so far, a line of JSON per result: a study that is cut off goes on where it was. A ledger that
 * is only read measures nothing: tables of what is there are written while a study still runs.
 */
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

const NEW_LINE = 10;

/** Thrown by a ledger that is only read for what it does not hold. */
export class NotMeasured extends Error {
  constructor(key: string) {
    super(`Not measured yet: ${key}`);
  }
}

export class Ledger {
  readonly #results = new Map<string, unknown>();
  readonly #underWay = new Map<string, Promise<unknown>>();
  #readBytes = 0;

  private constructor(
    private readonly path: string,
    private readonly onlyReads: boolean,
  ) {}

  static async open(path: string, { onlyReads = false } = {}): Promise<Ledger> {
    await mkdir(dirname(path), { recursive: true });
    const ledger = new Ledger(path, onlyReads);
    await ledger.#readOn();
    return ledger;
  }

  /** The stored result of this key, or what `measure` gives, stored. Whoever asks meanwhile waits for the same result. */
  async once<T>(key: string, measure: () => Promise<T>): Promise<T> {
    // The study alone writes the file, each key with one type.
    if (this.#results.has(key)) return this.#results.get(key) as T;
    // Another process may have measured it meanwhile.
    await this.#readOn();
    if (this.#results.has(key)) return this.#results.get(key) as T;
    if (this.onlyReads) throw new NotMeasured(key);
    const underWay = this.#underWay.get(key) ?? this.#measured(key, measure);
    this.#underWay.set(key, underWay);
    return (await underWay) as T;
  }

  /** Lines that were written since, up to the last that is whole. */
  async #readOn(): Promise<void> {
    const bytes = await readFile(this.path).catch(() => Buffer.alloc(0));
    const end = bytes.lastIndexOf(NEW_LINE) + 1;
    for (const line of bytes.subarray(this.#readBytes, end).toString().split('\n')) {
      const entry = parsedLine(line);
      if (entry) this.#results.set(entry.key, entry.value);
    }
    this.#readBytes = end;
  }

  async #measured<T>(key: string, measure: () => Promise<T>): Promise<T> {
    const value = await measure();
    this.#results.set(key, value);
    // The line before it may have been cut off.
    await appendFile(this.path, `\n${JSON.stringify({ key, value })}\n`);
    return value;
  }
}

/** What could be measured of these, in order; the rest is left out by a ledger that is only read. */
export async function measuredOf<T>(asked: readonly (() => Promise<T>)[]): Promise<T[]> {
  const found: T[] = [];
  for (const measure of asked) {
    try {
      found.push(await measure());
    } catch (thrown) {
      if (!(thrown instanceof NotMeasured)) throw thrown;
    }
  }
  return found;
}

/** Null for what a cut-off left half written. */
function parsedLine(line: string): { key: string; value: unknown } | null {
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed !== 'object' || parsed === null || !('key' in parsed) || !('value' in parsed)) return null;
    return typeof parsed.key === 'string' ? { key: parsed.key, value: parsed.value } : null;
  } catch {
    return null;
  }
}
