/**
 * Teacher states on disk: a folder per origin (engine, model, data, seed, batch), a file per batch and block, raw float32
 * or bfloat16 and its checksum. Files come and go whole (temporary name, rename) but are not synced: one that a power cut tore fails
 * its checksum, and is computed again. A claim is a file that names its process, and counts for nothing once that is gone
 * or the claim has not been renewed for long. Origins that nobody has used for a while make room for others; a disk that is full is a full cache.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import type { StateCache } from '../../core/distil/state-cache.ts';
import type { StateDType } from '../../core/run/teacher-windows.ts';

const CLAIM = '.claim';
const USED = 'used';
const TEMPORARY = '.tmp';
const TOUCH_EVERY_MS = 60_000;
/** An origin is in use for this long after it was last opened or written to. */
const IN_USE_MS = 10 * 60_000;
/** A claim is renewed after every block of a batch; none takes this long: its process is gone, whoever has its number now. */
const CLAIM_AGE_MS = 600_000;
const RENEW_EVERY_MS = 10_000;
/** A claim without a number is just being written, or was left so by a crash. */
const EMPTY_CLAIM_AGE_MS = 5_000;
const CHECKSUM_BYTES = 4;
const BYTES = { f32: 4, bf16: 2 } as const;
/** A file above this is none of ours: states of a batch are smaller. Node reads no file of 2 GiB at once. */
const MAX_FILE_BYTES = 2 ** 30;
/** How often the folder is measured again, in files stored: others write to it as well. */
const MEASURE_EVERY = 32;

/** With `bf16` values are stored that are rounded to bfloat16 already; the halves of others are cut off. */
export async function openStateCache(
  url: string,
  sizeBytes: number,
  key: string,
  dtype: StateDType = 'f32',
): Promise<StateCache> {
  const root = fileURLToPath(url);
  const suffix = `.${dtype}`;
  const origin = originOf(key, dtype);
  const folder = join(root, origin);
  let usedBytes = await opened(root, folder, origin, sizeBytes);
  let stored = 0;
  let touchedAt = Date.now();
  const pathOf = (name: string, ending: string) => join(folder, `${name}${ending}`);
  /** Full from now on, even where a smaller one would still fit. */
  const isFullNow = () => {
    usedBytes = sizeBytes;
    return false;
  };
  const stayInUse = async () => {
    if (Date.now() - touchedAt < TOUCH_EVERY_MS) return;
    touchedAt = Date.now();
    await touch(join(folder, USED)).catch((thrown: unknown) => {
      if (!isFull(thrown)) throw thrown;
    });
  };

  return {
    sizeBytes,
    get freeBytes() {
      return Math.max(0, sizeBytes - usedBytes);
    },
    has: (name) => exists(pathOf(name, suffix)),
    async load(name) {
      await stayInUse();
      const path = pathOf(name, suffix);
      const size = (await stat(path).catch(absent))?.size ?? 0;
      const bytes = size > MAX_FILE_BYTES ? Buffer.alloc(0) : await readFile(path).catch(absent);
      if (bytes === null) return null;
      const end = bytes.length - CHECKSUM_BYTES;
      if (end <= 0 || end % BYTES[dtype] !== 0 || crc32(bytes.subarray(0, end)) !== bytes.readUInt32LE(end)) {
        await rm(path, { force: true });
        return null;
      }
      return decoded(bytes.subarray(0, end), dtype);
    },
    async store(name, values) {
      const content = encoded(values, dtype);
      const size = content.length + CHECKSUM_BYTES;
      if (size > MAX_FILE_BYTES) return false;
      if (usedBytes + size > sizeBytes) return isFullNow();
      const bytes = Buffer.alloc(size);
      bytes.set(content);
      bytes.writeUInt32LE(crc32(content), content.length);
      const temporary = pathOf(name, `.${process.pid}${TEMPORARY}`);
      try {
        await writeFile(temporary, bytes);
        await rename(temporary, pathOf(name, suffix));
      } catch (thrown) {
        await rm(temporary, { force: true });
        if (isFull(thrown)) return isFullNow();
        // Others have made room of this folder meanwhile.
        if (codeOf(thrown) !== 'ENOENT') throw thrown;
        await mkdir(folder, { recursive: true });
        return false;
      }
      usedBytes += size;
      stored += 1;
      if (stored % MEASURE_EVERY === 0) usedBytes = Math.max(usedBytes, await sizeOf(root));
      return true;
    },
    async claim(name) {
      const path = pathOf(name, CLAIM);
      try {
        await stayInUse();
        await mkdir(folder, { recursive: true });
        if (!(await claimed(path)) && !(await freed(path))) return null;
      } catch (thrown) {
        if (!isFull(thrown)) throw thrown;
        isFullNow();
        return null;
      }
      let renewedAt = Date.now();
      return {
        async renew() {
          await stayInUse();
          if (Date.now() - renewedAt < RENEW_EVERY_MS) return;
          renewedAt = Date.now();
          const now = new Date();
          // Who thought it abandoned may have taken it: then both compute, and store the same.
          await utimes(path, now, now).catch(absent);
        },
        release: () => rm(path, { force: true }),
      };
    },
  };
}

/** Name of what comes from the same engine, model and data. */
export function originOf(key: string, dtype: StateDType): string {
  const text = dtype === 'f32' ? key : `${key}, ${dtype}`;
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** The upper half of each float32 is its bfloat16. */
export function encoded(values: Float32Array, dtype: StateDType): Uint8Array {
  if (dtype === 'f32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return new Uint8Array(Uint16Array.from(words, (word) => word >>> 16).buffer);
}

export function decoded(bytes: Uint8Array, dtype: StateDType): Float32Array {
  // Read files start anywhere in a larger buffer.
  const { buffer } = new Uint8Array(bytes);
  if (dtype === 'f32') return new Float32Array(buffer);
  return new Float32Array(Uint32Array.from(new Uint16Array(buffer), (half) => half << 16).buffer);
}

/** Returns the bytes in use: all of the budget where the disk is full. */
async function opened(root: string, folder: string, origin: string, sizeBytes: number): Promise<number> {
  try {
    await mkdir(folder, { recursive: true });
    await touch(join(folder, USED));
  } catch (thrown) {
    // Node tells a recursive mkdir without room as ENOENT.
    if (isFull(thrown) || codeOf(thrown) === 'ENOENT') return sizeBytes;
    throw thrown;
  }
  await removeLeftovers(folder);
  return await makeRoom(root, origin, sizeBytes);
}

async function claimed(path: string): Promise<boolean> {
  try {
    await writeFile(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch (thrown) {
    if (codeOf(thrown) === 'EEXIST') return false;
    await rm(path, { force: true });
    throw thrown;
  }
}

/** True when the claim was nobody's any more and is ours now. Two who free one at once compute it twice, and no worse. */
async function freed(path: string): Promise<boolean> {
  const text = await readFile(path, 'utf8').catch(absent);
  const claimedAt = (await stat(path).catch(absent))?.mtimeMs;
  if (text === null || claimedAt === undefined) return await claimed(path);
  const age = Date.now() - claimedAt;
  const owner = Number(text);
  const isHeld = owner > 0 ? isAlive(owner) && age < CLAIM_AGE_MS : age < EMPTY_CLAIM_AGE_MS;
  if (isHeld) return false;
  await rm(path, { force: true });
  return await claimed(path);
}

/** Files that processes had just begun when they died. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const owner = name.endsWith(TEMPORARY) ? Number(name.split('.').at(-2)) : Number.NaN;
    if (owner > 0 && !isAlive(owner)) await rm(join(folder, name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return codeOf(thrown) === 'EPERM';
  }
}

/** Deletes other origins, longest unused first, until the budget has room. Returns the bytes in use. */
async function makeRoom(root: string, own: string, sizeBytes: number): Promise<number> {
  let used = await sizeOf(root);
  const others = await Promise.all(
    (await readdir(root))
      .filter((name) => name !== own)
      .map(async (name) => ({ name, usedAt: (await stat(join(root, name, USED)).catch(absent))?.mtimeMs ?? 0 })),
  );
  for (const { name, usedAt } of others.sort((x, y) => x.usedAt - y.usedAt)) {
    if (used < sizeBytes || Date.now() - usedAt < IN_USE_MS) break;
    const freedBytes = await sizeOf(join(root, name));
    await rm(join(root, name), { recursive: true, force: true });
    used -= freedBytes;
  }
  return used;
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name)).catch(absent))?.size ?? 0;
  }
  return bytes;
}

async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => writeFile(path, ''));
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(absent)) !== null;
}

function absent(thrown: unknown): null {
  if (codeOf(thrown) === 'ENOENT') return null;
  throw thrown;
}

function isFull(thrown: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(codeOf(thrown));
}

function codeOf(thrown: unknown): string {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : '';
}
