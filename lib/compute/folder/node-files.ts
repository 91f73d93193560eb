/** A model's folder on disk, read in place: files of any size, by range, opened only while they are read. */
import type { BigIntStats } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { allocated, type NamedBlob } from '../../core/checkpoint/index.ts';
import { ContiguaError } from '../../core/errors.ts';
import { FILE_OR_FOLDER, FOLDER_HINT, fileKindOf } from '../../core/folder/model-files.ts';
import { RangeBlob } from '../../core/folder/range-blob.ts';
import { hexOf, sha256 } from '../../core/sha256.ts';
import { openStateCache, originOf } from '../stores/disk-state-cache.ts';
import { diskStates } from '../stores/disk-states.ts';
import { shareStateCache } from '../stores/shared-state-cache.ts';
import type { FileHost } from './file-host.ts';
import { saveFile } from './node-save-file.ts';

/** transformer/ and its siblings lie one level down; nothing of interest lies deeper. */
const MAX_DEPTH = 2;

export const nodeFiles: FileHost = {
  async openFolder(url) {
    const root = fileURLToPath(url);
    const info = await stat(root).catch(() => null);
    if (!info) throw new ContiguaError('checkpoint-incomplete', 'There is no such folder', { file: root });
    if (!info.isDirectory()) {
      const kind = fileKindOf(root);
      if (kind === 'weights') return await besideConfig(root);
      if (kind === 'config') return [await fileBlob(root, basename(root))];
      throw new ContiguaError('checkpoint-incomplete', 'This is a file', {
        file: root,
        expected: FILE_OR_FOLDER,
        hint: FOLDER_HINT,
      });
    }
    const paths = await listFiles(root, MAX_DEPTH);
    return await Promise.all(paths.map((path) => fileBlob(path, relative(root, path).split(sep).join('/'))));
  },
  async openFile(url, path) {
    return await fileBlob(fileURLToPath(url), path);
  },
  saveFile,
  openStates: async (url, sizeBytes, key) => await diskStates(join(fileURLToPath(url), await digestOf(key)), sizeBytes),
  async openStateCache(url, sizeBytes, key, dtype = 'f32', sharedAt) {
    const disk = await openStateCache(url, sizeBytes, key, dtype);
    return sharedAt === undefined
      ? disk
      : shareStateCache(disk, { url: sharedAt, origin: originOf(key, dtype), dtype });
  },
};

/** A name for a folder. */
async function digestOf(key: string): Promise<string> {
  return hexOf(await sha256(new TextEncoder().encode(key))).slice(0, 32);
}

/** One file of weights, with the config.json of its folder if it has one. */
async function besideConfig(path: string): Promise<readonly NamedBlob[]> {
  const config = resolve(dirname(path), 'config.json');
  const hasConfig = (await stat(config).catch(() => null))?.isFile() ?? false;
  const paths = hasConfig ? [path, config] : [path];
  return await Promise.all(paths.map((one) => fileBlob(one, basename(one))));
}

async function listFiles(folder: string, depth: number): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const nested = await Promise.all(
    entries.map(async (entry) => {
      const path = resolve(folder, entry.name);
      // Downloaded models are often folders of links into a cache.
      const isFolder =
        entry.isDirectory() || (entry.isSymbolicLink() && (await stat(path).catch(() => null))?.isDirectory());
      if (isFolder) return depth > 1 && !entry.name.startsWith('.') ? await listFiles(path, depth - 1) : [];
      return [path];
    }),
  );
  return nested.flat().sort();
}

async function fileBlob(path: string, shownAs: string): Promise<NamedBlob> {
  const info = await stat(path, { bigint: true }).catch(() => null);
  if (!info?.isFile()) throw new ContiguaError('checkpoint-incomplete', 'There is no such file', { file: shownAs });
  const file = { path, shownAs, opened: { size: info.size, mtimeNs: info.mtimeNs, ino: info.ino } };
  const read = (start: number, end: number) => readRange(file, start, end);
  return { path: shownAs, blob: new RangeBlob(read, 0, Number(info.size), String(info.mtimeNs)) };
}

interface LocalFile {
  readonly path: string;
  readonly shownAs: string;
  /** As it was when it was opened: a header and weights of two versions make no model. */
  readonly opened: Looks;
}
/** Without the number, a file of an archive that gives all files one time would pass for another of the same shapes. */
type Looks = Pick<BigIntStats, 'size' | 'mtimeNs' | 'ino'>;

/** Node ends the process at a single read of 2 GiB or more. */
const MAX_READ_BYTES = 2 ** 28;

async function readRange(local: LocalFile, start: number, end: number): Promise<ArrayBuffer> {
  const bytes = allocated(end - start, local.shownAs);
  const file = await open(local.path, 'r').catch((thrown: unknown) => {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') throw changed(local, null);
    throw thrown;
  });
  try {
    assertSame(local, await file.stat({ bigint: true }));
    let done = 0;
    while (done < bytes.length) {
      const { bytesRead } = await file.read(bytes, done, Math.min(bytes.length - done, MAX_READ_BYTES), start + done);
      if (bytesRead === 0) break; // it became shorter, as its size says
      done += bytesRead;
    }
    // Somebody may have written to it meanwhile.
    const after = await file.stat({ bigint: true });
    assertSame(local, after);
    if (done < bytes.length) throw changed(local, after);
  } finally {
    await file.close();
  }
  return bytes.buffer;
}

function assertSame(local: LocalFile, now: Looks): void {
  const { opened } = local;
  if (now.size !== opened.size || now.mtimeNs !== opened.mtimeNs || now.ino !== opened.ino) throw changed(local, now);
}

function changed({ shownAs, opened }: LocalFile, now: Looks | null): ContiguaError {
  return new ContiguaError('source-changed', 'The file changed on the disk after it was opened', {
    file: shownAs,
    found: now ? found(now, opened) : 'no such file any more',
    expected: looksOf(opened),
    hint: 'Open the model again. If another program is writing the file, wait until that is done.',
  });
}

function found(now: Looks, opened: Looks): string {
  const isAlike = now.size === opened.size && now.mtimeNs === opened.mtimeNs;
  return isAlike ? `another file of ${looksOf(now)}` : looksOf(now);
}

function looksOf({ size, mtimeNs }: Omit<Looks, 'ino'>): string {
  const modified = new Date(Number(mtimeNs / 1_000_000n)).toISOString();
  return `${size.toLocaleString('en-US')} bytes, modified ${modified}`;
}
