/**
 * What the user dropped or picked, as named blobs that are read in place. Names are relative to the folder that was
 * picked, with forward slashes; nothing is read here but the list of names.
 */
import type { NamedBlob } from '@/lib/core/checkpoint/types.ts';

export interface PickedFolder {
  readonly kind: 'folder';
  readonly name: string;
  readonly files: readonly NamedBlob[];
}
export interface PickedFile {
  readonly kind: 'file';
  readonly file: File;
}
export type Picked = PickedFolder | PickedFile;

/** More files than any model folder has; a home folder dropped by mistake should not be walked to its end. */
const MOST_FILES = 2_000;

/** From `<input type="file" webkitdirectory>`. */
export function pickedFolder(files: readonly [File, ...File[]]): PickedFolder {
  const name = files[0].webkitRelativePath.split('/')[0] || 'folder';
  return {
    kind: 'folder',
    name,
    files: files
      .slice(0, MOST_FILES)
      .map((file) => ({ path: withoutTop(file.webkitRelativePath) || file.name, blob: file })),
  };
}

/** One file of weights, as a model of its own. */
export function pickedFromFile(file: File): PickedFolder {
  return { kind: 'folder', name: 'dropped files', files: [{ path: file.name, blob: file }] };
}

/** From a drop. Call it within the event: the list of items is empty once the handler has returned. */
export async function pickedFromDrop(items: DataTransferItemList): Promise<Picked | null> {
  const entries = [...items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const folder = entries.find((entry) => entry.isDirectory);
  if (folder) {
    const files: NamedBlob[] = [];
    await walk(folder as FileSystemDirectoryEntry, '', files);
    return { kind: 'folder', name: folder.name, files };
  }
  const opened = await Promise.all(entries.map((entry) => fileOf(entry as FileSystemFileEntry)));
  const [only] = opened;
  if (only && opened.length === 1) return { kind: 'file', file: only };
  if (opened.length === 0) return null;
  return { kind: 'folder', name: 'dropped files', files: opened.map((file) => ({ path: file.name, blob: file })) };
}

async function walk(folder: FileSystemDirectoryEntry, prefix: string, files: NamedBlob[]): Promise<void> {
  const reader = folder.createReader();
  for (;;) {
    // A reader hands out at most 100 entries at a time, and none when it is done.
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return;
    for (const entry of entries) {
      if (files.length >= MOST_FILES) return;
      const path = `${prefix}${entry.name}`;
      if (entry.isDirectory) await walk(entry as FileSystemDirectoryEntry, `${path}/`, files);
      else files.push({ path, blob: await fileOf(entry as FileSystemFileEntry) });
    }
  }
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

function withoutTop(path: string): string {
  return path.slice(path.indexOf('/') + 1);
}
