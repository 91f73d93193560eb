/** How a host opens what the protocol only names (a model's folder, one file given by URL), and keeps what a task makes. */
import type { NamedBlob } from '../../core/checkpoint/index.ts';
import type { StateCache } from '../../core/distil/state-cache.ts';
import type { ModelFolder } from '../../core/folder/open-model.ts';
import type { SavedFile } from '../../core/run/progress.ts';
import type { FileSource, ModelSource } from '../protocol.ts';

export interface FileHost {
  /** The files of a model, paths relative to its root. Files that are not there are simply missing from the list. */
  openFolder(url: string): Promise<readonly NamedBlob[]>;
  openFile(url: string, path: string): Promise<NamedBlob>;
  /**
   * Writes a file whole or not at all, replacing the one there, and resolves once it would survive a power cut. Rejects
   * with `disk-full`, and with `not-ready` on a host that keeps no files.
   */
  saveFile(url: string, parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<SavedFile>;
  /** Teacher states of one origin (`key`) in a folder of at most `sizeBytes`. Rejects like `saveFile`. */
  openStateCache(url: string, sizeBytes: number, key: string): Promise<StateCache>;
}

export async function openSource(source: FileSource, host: FileHost): Promise<NamedBlob> {
  return 'blob' in source ? source : await host.openFile(source.url, source.path);
}

export async function openModelFolder(source: ModelSource, host: FileHost): Promise<ModelFolder> {
  const { kind, name } = source;
  return kind === 'url'
    ? { files: await host.openFolder(source.url), name }
    : { files: source.files, name, isPicked: true };
}
