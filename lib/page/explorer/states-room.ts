/**
 * How much of the browser's storage the states of one analysis may take. States of other analyses make room, and those of
 * the same one are read again: neither counts as used. Chromium names their size; elsewhere the files are added up.
 */

/** Of what the browser allows this site. */
const QUOTA_SHARE = 0.9;

/** Chromium alone says how much of the usage is the origin's private file system. */
interface DetailedEstimate extends StorageEstimate {
  readonly usageDetails?: { readonly fileSystem?: number };
}

/** What of TypeScript's DOM types for directories is missing in the version used here. */
type Directory = FileSystemDirectoryHandle & { values(): AsyncIterable<FileSystemHandle> };

/** Bytes. */
export async function roomForStates(): Promise<number> {
  const { quota, usage = 0, usageDetails }: DetailedEstimate = await navigator.storage.estimate();
  if (quota === undefined) return Number.POSITIVE_INFINITY;
  const states = usageDetails ? (usageDetails.fileSystem ?? 0) : await sizeOf(await navigator.storage.getDirectory());
  return (quota - Math.max(0, usage - states)) * QUOTA_SHARE;
}

/** Bytes of all files below a directory; states alone are stored in this site's file system. */
async function sizeOf(directory: FileSystemHandle): Promise<number> {
  let bytes = 0;
  for await (const entry of (directory as Directory).values()) {
    try {
      bytes +=
        entry.kind === 'directory' ? await sizeOf(entry) : (await (entry as FileSystemFileHandle).getFile()).size;
    } catch (thrown) {
      // Another tab may remove its states meanwhile.
      if (!(thrown instanceof DOMException && thrown.name === 'NotFoundError')) throw thrown;
    }
  }
  return bytes;
}
