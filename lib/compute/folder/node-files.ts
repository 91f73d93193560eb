/** A model's folder on disk, read in place: files of any size, by range, opened only while they are read. */
import { open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { allocated, type NamedBlob, WEIGHT_EXTENSIONS } from '../../core/checkpoint/index.ts';
import { ContiguaError } from '../../core/errors.ts';
import { RangeBlob } from '../../core/folder/range-blob.ts';
import { openStateCache } from '../stores/disk-state-cache.ts';
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
      if (WEIGHT_EXTENSIONS.some((extension) => root.endsWith(extension))) return await besideConfig(root);
      throw new ContiguaError('checkpoint-incomplete', 'This is a file', {
        file: root,
        expected: `a folder, or a file of weights: ${WEIGHT_EXTENSIONS.join(' or ')}`,
        hint: 'Name the model folder, its `transformer` folder, or one file of a whole transformer.',
      });
    }
    const paths = await listFiles(root, MAX_DEPTH);
    return await Promise.all(paths.map((path) => fileBlob(path, relative(root, path).split(sep).join('/'))));
  },
  async openFile(url, path) {
    return await fileBlob(fileURLToPath(url), path);
  },
  saveFile,
  openStateCache,
};

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
  const info = await stat(path).catch(() => null);
  if (!info?.isFile()) throw new ContiguaError('checkpoint-incomplete', 'There is no such file', { file: shownAs });
  return { path: shownAs, blob: new RangeBlob((start, end) => readRange(path, shownAs, start, end), 0, info.size) };
}

/** Node ends the process at a single read of 2 GiB or more. */
const MAX_READ_BYTES = 2 ** 28;

async function readRange(path: string, shownAs: string, start: number, end: number): Promise<ArrayBuffer> {
  const bytes = allocated(end - start, shownAs);
  const file = await open(path, 'r');
  try {
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, done, Math.min(bytes.length - done, MAX_READ_BYTES), start + done);
      if (bytesRead === 0) {
        throw new ContiguaError('checkpoint-incomplete', 'The file became shorter while it was read', {
          file: shownAs,
        });
      }
      done += bytesRead;
    }
  } finally {
    await file.close();
  }
  return bytes.buffer;
}
