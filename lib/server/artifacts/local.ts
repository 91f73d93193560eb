/**
 * Artifacts in a folder of this machine. A file on the same device is published by a hard link to the very bytes that
 * were checked and flushed, without a second copy; any other is copied under a temporary name first. Either way a name
 * that exists is complete. The source stays where it is; who wrote it clears it away.
 */
import { link, mkdir, open, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { nodeFiles } from '../../compute/folder/node-files.ts';
import { saveFile } from '../../compute/folder/node-save-file.ts';
import { ContiguaError } from '../../core/errors.ts';
import { assertKey, assertPrefix } from './key.ts';
import type { ArtifactStore, StoredArtifact, StoredContent } from './store.ts';
import { VerifiedContents } from './verified-content.ts';
import { assertContent, type Promised, readParts, verified } from './verified-file.ts';

/** The device is another one, links are not allowed or not known there, or the file has too many: copy instead. */
const NO_LINK: ReadonlySet<unknown> = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);
const MAX_TRIES = 3;

export class LocalArtifacts implements ArtifactStore {
  readonly where: string;
  private readonly contents = new VerifiedContents();

  constructor(private readonly folder: string) {
    this.where = `folder ${folder}`;
  }

  async put(key: string, path: string, expected: Promised): Promise<StoredArtifact> {
    const target = this.pathOf(key);
    const stored = { key, sizeBytes: expected.sizeBytes, sha256: expected.sha256 };
    if (await isFile(target)) {
      await assertContent(target, stored, key);
      return stored;
    }
    await assertContent(path, expected, key);
    for (let tries = 1; !(await this.publish(path, target, expected, key)); tries++) {
      // A deletion beside it may take the empty folder away again in between.
      if (tries === MAX_TRIES) throw missing(key, this.where);
    }
    await this.flushUpwards(dirname(target));
    return stored;
  }

  async open(artifact: StoredArtifact): Promise<StoredContent> {
    const path = await this.found(artifact);
    const { blob } = await nodeFiles.openFile(pathToFileURL(path).href, artifact.key);
    return this.contents.open(blob, artifact);
  }

  async localCopy(artifact: StoredArtifact): Promise<string> {
    const path = await this.found(artifact);
    // Every time: damage on the disk changes neither size nor time, and a compute process reads the file by itself.
    await assertContent(path, artifact, artifact.key);
    return path;
  }

  async delete(key: string): Promise<void> {
    const path = this.pathOf(key);
    await rm(path, { force: true });
    for (let folder = dirname(path); folder !== this.folder; folder = dirname(folder)) {
      const gone = await rmdir(folder).then(
        () => true,
        (thrown: unknown) => codeOf(thrown) === 'ENOENT',
      );
      if (!gone) return; // others are still in it
    }
  }

  async *list(prefix: string): AsyncIterable<string> {
    assertPrefix(prefix);
    const start = join(this.folder, ...prefix.split('/').slice(0, -1));
    const keys = (await filesBelow(start)).map((path) => relative(this.folder, path).split(sep).join('/'));
    yield* keys.filter((key) => key.startsWith(prefix)).sort();
  }

  /** False where the folder went away meanwhile. */
  private async publish(path: string, target: string, expected: Promised, key: string): Promise<boolean> {
    await mkdir(dirname(target), { recursive: true });
    try {
      await flush(path);
      await link(path, target);
      return true;
    } catch (thrown) {
      const code = codeOf(thrown);
      if (code === 'EEXIST') {
        await assertContent(target, expected, key);
        return true;
      }
      if (code === 'ENOENT') return false;
      if (!NO_LINK.has(code)) throw thrown;
    }
    await saveFile(pathToFileURL(target).href, verified(readParts(path), expected, key));
    return true;
  }

  private async found({ key }: StoredArtifact): Promise<string> {
    const path = this.pathOf(key);
    if (await isFile(path)) return path;
    throw missing(key, this.where);
  }

  /** New folders on the way are entries of their parents, which a power cut may take as well. */
  private async flushUpwards(folder: string): Promise<void> {
    // Windows opens no folders, and its file systems log the change themselves.
    if (process.platform === 'win32') return;
    for (let at = folder; ; at = dirname(at)) {
      await flush(at);
      if (at === this.folder || at === dirname(at)) return;
    }
  }

  private pathOf(key: string): string {
    assertKey(key);
    return join(this.folder, ...key.split('/'));
  }
}

/** A folder that a deletion takes away meanwhile holds nothing; those beside it still count. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((thrown: unknown) => {
    if (codeOf(thrown) === 'ENOENT') return [];
    throw thrown;
  });
  const found = await Promise.all(
    entries.map((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesBelow(path);
      return entry.isFile() && !entry.name.startsWith('.') ? [path] : [];
    }),
  );
  return found.flat();
}

async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT' || codeOf(thrown) === 'ENOTDIR') return false;
    throw thrown;
  }
}

function missing(key: string, where: string): ContiguaError {
  return new ContiguaError('artifact-missing', 'This file is not in the store', { file: key, expected: where });
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
}
