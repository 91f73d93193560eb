/**
 * Teacher states on disk: a folder per origin (model, data, seed, batch), a file of raw float32 per batch and block. Files
 * come and go whole (temporary name, rename); what a crash loses is computed again. A claim is a file that names its
 * process and counts for nothing once that process is gone. Origins that nobody has used for a while make room for others.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StateCache } from '../lib/core/distill/state-cache.ts';

const VALUES = '.f32';
const CLAIM = '.claim';
const USED = 'used';
/** An origin is in use for this long after it was last opened or written to. */
const IN_USE_MS = 10 * 60_000;
/** How often the folder is measured again, in files stored: others write to it as well. */
const MEASURE_EVERY = 32;

export async function openStateCache(url: string, sizeBytes: number, key: string): Promise<StateCache> {
  const root = fileURLToPath(url);
  const origin = createHash('sha256').update(key).digest('hex').slice(0, 32);
  const folder = join(root, origin);
  await mkdir(folder, { recursive: true });
  await touch(join(folder, USED));
  let usedBytes = await makeRoom(root, origin, sizeBytes);
  let stored = 0;
  const pathOf = (name: string, suffix: string) => join(folder, `${name}${suffix}`);

  return {
    get hasRoom() {
      return usedBytes < sizeBytes;
    },
    has: (name) => exists(pathOf(name, VALUES)),
    async load(name) {
      const bytes = await readFile(pathOf(name, VALUES)).catch(absent);
      if (bytes === null || bytes.length % 4 !== 0) return null;
      const values = new Float32Array(bytes.length / 4);
      new Uint8Array(values.buffer).set(bytes);
      return values;
    },
    async store(name, values) {
      if (usedBytes + values.byteLength > sizeBytes) {
        // Full from now on, even where a smaller one would still fit.
        usedBytes = sizeBytes;
        return;
      }
      const temporary = pathOf(name, `.${process.pid}.tmp`);
      try {
        await writeFile(temporary, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
        await rename(temporary, pathOf(name, VALUES));
      } catch (thrown) {
        await rm(temporary, { force: true });
        // A cache that cannot be written to is a full one: the states are computed when they are needed.
        if (!isFull(thrown)) throw thrown;
        usedBytes = sizeBytes;
        return;
      }
      usedBytes += values.byteLength;
      stored += 1;
      if (stored % MEASURE_EVERY === 0) {
        await touch(join(folder, USED));
        usedBytes = Math.max(usedBytes, await sizeOf(root));
      }
    },
    async claim(name) {
      const path = pathOf(name, CLAIM);
      if (!(await claimed(path)) && !(await freed(path))) return null;
      return () => rm(path, { force: true });
    },
  };
}

async function claimed(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.writeFile(String(process.pid));
    await file.close();
    return true;
  } catch (thrown) {
    if (codeOf(thrown) === 'EEXIST') return false;
    throw thrown;
  }
}

/** True when the claim was a dead process's and is now ours. A claim without a number is just being written. */
async function freed(path: string): Promise<boolean> {
  const owner = Number(await readFile(path, 'utf8').catch(absent));
  if (!owner || isAlive(owner)) return false;
  await rm(path, { force: true });
  return await claimed(path);
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
