/**
 * Pages of remote files on disk, within a budget: a folder per file (named by a hash of its content's key), a file per page,
 * which is the page and its checksum. Pages come whole (temporary name, rename) but are not synced: one that a power cut tore
 * fails its checksum and is fetched again. Several processes may share the folder: each measures it anew as it writes, and
 * takes out what was used longest ago. A disk that is full or broken stores nothing, and is told once.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, rmdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ContiguaError } from '../../core/errors.ts';

const PAGE = '.page';
const TEMPORARY = '.part';
const CHECKSUM_BYTES = 4;
const TOUCH_EVERY_MS = 60_000;
/** A page is written in much less: whoever began it is gone. */
const LEFTOVER_AGE_MS = 10 * 60_000;
/** The folder is measured again when this part of the budget has been written: how far two processes may go over it. */
const MEASURE_PART = 1 / 20;
/** Room is made down to this part of the budget, so that it is not made for every page. */
const KEPT_PART = 9 / 10;

export interface DiskPages {
  of(key: string): {
    read(start: number, length: number): Promise<Uint8Array<ArrayBuffer> | null>;
    write(start: number, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  };
}

/** Rejects with `settings-invalid` where the folder cannot be made. `report` hears why nothing more is stored. */
export async function openDiskPages(
  folder: string,
  budgetBytes: number,
  report: (sentence: string) => void,
): Promise<DiskPages> {
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((thrown: unknown) => {
    throw new ContiguaError('settings-invalid', 'The folder of cached pages cannot be made', {
      file: folder,
      found: reasonOf(thrown),
      hint: 'Name a folder that you may write to.',
    });
  });
  /** Measured when the first page is written. */
  let usedBytes = Number.POSITIVE_INFINITY;
  let writtenBytes = 0;
  let making: Promise<void> | null = null;
  let isBroken = false;

  /** For `bytes` more. One at a time; null once there is room. */
  async function makeRoom(bytes: number): Promise<void> {
    making ??= trim(folder, Math.min(budgetBytes * KEPT_PART, budgetBytes - bytes))
      .then((left) => {
        usedBytes = left;
        writtenBytes = 0;
      })
      .finally(() => {
        making = null;
      });
    await making;
  }

  function fail(thrown: unknown): void {
    if (!isBroken) report(`No more pages are stored in ${folder}: ${reasonOf(thrown)}`);
    isBroken = true;
  }

  return {
    of(key) {
      const inside = join(folder, createHash('sha256').update(key).digest('hex').slice(0, 32));
      const pathOf = (start: number, length: number) => join(inside, `${start}-${length}${PAGE}`);
      return {
        async read(start, length) {
          const path = pathOf(start, length);
          try {
            const bytes = await readFile(path);
            const end = bytes.length - CHECKSUM_BYTES;
            if (end !== length || crc32(bytes.subarray(0, end)) !== bytes.readUInt32LE(end)) {
              await rm(path, { force: true });
              return null;
            }
            await touch(path);
            return Uint8Array.from(bytes.subarray(0, end));
          } catch (thrown) {
            if (!isAbsent(thrown)) fail(thrown);
            return null;
          }
        },
        async write(start, bytes) {
          const size = bytes.length + CHECKSUM_BYTES;
          if (isBroken || size > budgetBytes) return;
          const temporary = `${pathOf(start, bytes.length)}.${process.pid}${TEMPORARY}`;
          try {
            if (usedBytes + size > budgetBytes || writtenBytes > budgetBytes * MEASURE_PART) await makeRoom(size);
            const checksum = Buffer.alloc(CHECKSUM_BYTES);
            checksum.writeUInt32LE(crc32(bytes));
            await mkdir(inside, { recursive: true });
            await writeFile(temporary, Buffer.concat([bytes, checksum]), { mode: 0o600 });
            await rename(temporary, pathOf(start, bytes.length));
            usedBytes += size;
            writtenBytes += size;
          } catch (thrown) {
            await rm(temporary, { force: true }).catch(() => undefined); // the first failure is the one to tell
            // Another process has made room of the folder meanwhile: this page is not stored.
            if (!isAbsent(thrown)) fail(thrown);
          }
        },
      };
    },
  };
}

/** Marks a page as used. */
async function touch(path: string): Promise<void> {
  const now = Date.now();
  const { mtimeMs } = await stat(path);
  if (now - mtimeMs > TOUCH_EVERY_MS) await utimes(path, now / 1000, now / 1000);
}

/** Takes out the pages used longest ago down to the limit. Returns the bytes that are left. */
async function trim(folder: string, limitBytes: number): Promise<number> {
  const pages: { path: string; size: number; usedMs: number }[] = [];
  const now = Date.now();
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    // Only what this file makes is ever removed: somebody may have named a folder with other files in it.
    if (!entry.isDirectory() || !/^[0-9a-f]{32}$/.test(entry.name)) continue;
    const inside = join(folder, entry.name);
    for (const name of await readdir(inside).catch(absent([]))) {
      const path = join(inside, name);
      const info = await stat(path).catch(absent(null));
      if (!info?.isFile()) continue;
      if (name.endsWith(PAGE)) pages.push({ path, size: info.size, usedMs: info.mtimeMs });
      else if (name.endsWith(TEMPORARY) && now - info.mtimeMs > LEFTOVER_AGE_MS) await rm(path, { force: true });
    }
    await rmdir(inside).catch(() => undefined); // a folder that still holds pages stays
  }
  let left = pages.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size } of pages.sort((x, y) => x.usedMs - y.usedMs)) {
    if (left <= limitBytes) break;
    await rm(path, { force: true });
    left -= size;
  }
  return left;
}

function absent<T>(value: T): (thrown: unknown) => T {
  return (thrown) => {
    if (isAbsent(thrown)) return value;
    throw thrown;
  };
}

function isAbsent(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT';
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
