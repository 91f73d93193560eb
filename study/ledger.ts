/**
 * What the study has measured so far, a line of JSON per result: a study that is cut off goes on where it was. Several
 * processes may measure into one ledger: each claims a result by a file that names the process, and a claim whose process is
 * gone counts for nothing. A ledger that is only read measures nothing: tables of what is there are written while a study
 * still runs. Results that were published are known from the start.
 */
import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const NEW_LINE = 10;
/** How long to wait before looking again for what other processes are measuring. */
const LOOK_AGAIN_MS = 2_000;
/** A claim that names no process is being written, or was cut off. */
const EMPTY_CLAIM_MS = 5_000;

/** Thrown by a ledger that is only read for what it does not hold. */
export class NotMeasured extends Error {
  constructor(key: string) {
    super(`Not measured yet: ${key}`);
  }
}

/** Thrown for what another process is measuring. */
export class Claimed extends Error {
  constructor(key: string) {
    super(`Another process measures it: ${key}`);
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

  /** `published`: a file of results that are not measured again; it may be missing. */
  static async open(
    path: string,
    { onlyReads = false, published }: { onlyReads?: boolean; published?: string } = {},
  ): Promise<Ledger> {
    await mkdir(join(dirname(path), 'claims'), { recursive: true });
    const ledger = new Ledger(path, onlyReads);
    if (published !== undefined) ledger.#take(await linesOf(published));
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
    const bytes = await linesOf(this.path);
    this.#take(bytes.subarray(this.#readBytes));
    this.#readBytes = bytes.length;
  }

  #take(lines: Buffer): void {
    for (const line of lines.toString().split('\n')) {
      const entry = parsedLine(line);
      if (entry) this.#results.set(entry.key, entry.value);
    }
  }

  async #measured<T>(key: string, measure: () => Promise<T>): Promise<T> {
    const release = await this.#claim(key);
    try {
      // Another process may have finished it between the look and the claim.
      await this.#readOn();
      if (this.#results.has(key)) return this.#results.get(key) as T;
      const value = await measure();
      this.#results.set(key, value);
      // The line before it may have been cut off.
      await appendFile(this.path, `\n${JSON.stringify({ key, value })}\n`);
      return value;
    } finally {
      this.#underWay.delete(key);
      await release();
    }
  }

  /** Throws `Claimed` while a living process holds it. */
  async #claim(key: string): Promise<() => Promise<void>> {
    const path = join(dirname(this.path), 'claims', claimName(key));
    for (;;) {
      try {
        await writeFile(path, String(process.pid), { flag: 'wx' });
        return () => rm(path, { force: true });
      } catch (thrown) {
        if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST')) throw thrown;
      }
      if (await isHeld(path)) throw new Claimed(key);
      await rm(path, { force: true });
    }
  }
}

/** What the file holds up to the end of its last whole line; nothing of a file that is not there. */
async function linesOf(path: string): Promise<Buffer> {
  const bytes = await readFile(path).catch(() => Buffer.alloc(0));
  return bytes.subarray(0, bytes.lastIndexOf(NEW_LINE) + 1);
}

export function claimName(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 32);
}

async function isHeld(path: string): Promise<boolean> {
  const pid = Number(await readFile(path, 'utf8').catch(() => '0'));
  if (pid > 0) return isAlive(pid);
  const writtenAt = await stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
  return Date.now() - writtenAt < EMPTY_CLAIM_MS;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/**
 * What could be measured of these, in order; the rest is left out by a ledger that is only read. What other processes are
 * measuring comes last.
 */
export async function measuredOf<T>(asked: readonly (() => Promise<T>)[]): Promise<T[]> {
  const found = new Map<number, T>();
  let left = [...asked.keys()];
  while (left.length > 0) {
    const claimed: number[] = [];
    for (const i of left) {
      try {
        found.set(i, await asked[i]!());
      } catch (thrown) {
        if (thrown instanceof Claimed) claimed.push(i);
        else if (!(thrown instanceof NotMeasured)) throw thrown;
      }
    }
    if (claimed.length > 0 && claimed.length === left.length) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
    left = claimed;
  }
  return asked.flatMap((_, i) => (found.has(i) ? [found.get(i)!] : []));
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
