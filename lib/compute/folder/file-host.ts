/** How a host opens what the protocol only names (a model's folder, one file given by URL), and keeps what a task makes. */
import type { NamedBlob } from '../../core/checkpoint/index.ts';
import type { StateCache } from '../../core/distil/state-cache.ts';
import type { ModelFolder } from '../../core/folder/open-model.ts';
import type { SavedFile } from '../../core/run/progress.ts';
import type { StateDType } from '../../core/run/teacher-windows.ts';
import type { StateStore } from '../../core/states/index.ts';
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
  /** States of one analysis (`key`) in a folder, found again after a restart. Rejects like `saveFile`. */
  openStates(url: string, sizeBytes: number, key: string): Promise<StateStore>;
  /** Bytes of `bytes` that states of an analysis may take, those that are stored included. A host without it has a disk that can be asked. */
  roomForStates?(bytes: number): Promise<number>;
  /**
   * Teacher states of one origin (`key`) in a folder of at most `sizeBytes`, and with `sharedAt` those of other machines
   * behind them. Rejects like `saveFile`.
   */
  openStateCache(
    url: string,
    sizeBytes: number,
    key: string,
    dtype?: StateDType,
    sharedAt?: string,
  ): Promise<StateCache>;
  /** Every reading that begins from now on ends with `cancelled` when the signal fires. A host of local files has none to end. */
  readUntil?(signal: AbortSignal): void;
}

export async function openSource(source: FileSource, host: FileHost): Promise<NamedBlob> {
  return 'blob' in source ? source : await host.openFile(source.url, source.path);
}

/** Opens the file of an address once, however often it is asked for. */
export function fileOpener(host: FileHost): (source: FileSource) => Promise<NamedBlob> {
  const opened = new Map<string, Promise<NamedBlob>>();
  return async (source) => {
    if ('blob' in source) return source;
    const file = opened.get(source.url) ?? openSource(source, host);
    opened.set(source.url, file);
    return await file;
  };
}

export async function openModelFolder(source: ModelSource, host: FileHost): Promise<ModelFolder> {
  const { kind, name } = source;
  return kind === 'url'
    ? { files: await host.openFolder(source.url), name }
    : { files: source.files, name, isPicked: true };
}

type Opened<S> = S extends { readonly file: FileSource } ? Omit<S, 'file'> & { readonly file: NamedBlob } : S;

/** What was asked for (an edit, a calibration, training data), with the file that it names, if any, opened. */
export async function openFileOf<S extends object>(asked: S, host: FileHost): Promise<Opened<S>>;
export async function openFileOf(asked: { readonly file?: FileSource }, host: FileHost): Promise<unknown> {
  return asked.file ? { ...asked, file: await openSource(asked.file, host) } : asked;
}

export async function openFilesOf<S extends object>(asked: readonly S[], host: FileHost): Promise<Opened<S>[]> {
  return await Promise.all(asked.map((one) => openFileOf(one, host)));
}

/** Of a file in a folder, both as URLs; the folder's may end in a slash. */
export function urlIn(folder: string, name: string): string {
  return new URL(name, folder.endsWith('/') ? folder : `${folder}/`).href;
}
