/** What the study has measured so far, a line of JSON per result: a study that is cut off goes on where it was. */
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

export class Ledger {
  readonly #results = new Map<string, unknown>();
  readonly #underWay = new Map<string, Promise<unknown>>();

  private constructor(private readonly path: string) {}

  static async open(path: string): Promise<Ledger> {
    await mkdir(dirname(path), { recursive: true });
    const ledger = new Ledger(path);
    const lines = (await readFile(path, 'utf8').catch(() => '')).split('\n');
    for (const line of lines) {
      const entry = parsedLine(line);
      if (entry) ledger.#results.set(entry.key, entry.value);
    }
    return ledger;
  }

  /** The stored result of this key, or what `measure` gives, stored. Whoever asks meanwhile waits for the same result. */
  async once<T>(key: string, measure: () => Promise<T>): Promise<T> {
    // The study alone writes the file, each key with one type.
    if (this.#results.has(key)) return this.#results.get(key) as T;
    const underWay = this.#underWay.get(key) ?? this.#measured(key, measure);
    this.#underWay.set(key, underWay);
    return (await underWay) as T;
  }

  async #measured<T>(key: string, measure: () => Promise<T>): Promise<T> {
    const value = await measure();
    this.#results.set(key, value);
    await appendFile(this.path, `${JSON.stringify({ key, value })}\n`);
    return value;
  }
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
