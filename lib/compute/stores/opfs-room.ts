/**
 * How much a browser grants this site to store. What `navigator.storage.estimate()` tells is not what is granted: Chromium 150 tells 10 GiB beside what
 * is used where it grants 160 GB, and 5 GiB in a private window that grants 1.4 GB. Here files are made as long as what has to be
 * stored, which asks for the room and writes nothing, and removed again. A disk that is full for other reasons shows only when it is written to.
 */
import { nameOf, type StateDirectory, type SyncAccessHandle } from './opfs-states.ts';

/** One file: a private window keeps files in memory, and none as long as the room that it grants. */
const LONGEST_BYTES = 2 ** 30;
/** The room is found to this many bytes. */
const SHORTEST_BYTES = 2 ** 22;

/** Of what is granted: reports and settings are stored as well. */
const SHARE = 0.9;

/** Bytes of `bytes` that may be stored, where `stored` of them are already. `grantedOf` says how many more bytes are granted of so many. */
export async function roomBeside(
  stored: number,
  bytes: number,
  grantedOf: (bytes: number) => Promise<number>,
): Promise<number> {
  if (bytes <= stored) return bytes;
  const wanted = Math.ceil((bytes - stored) / SHARE);
  const granted = await grantedOf(wanted);
  return granted >= wanted ? bytes : stored + SHARE * granted;
}

/** Bytes of `bytes` that fit into `directory`, which is emptied. */
export async function roomIn(directory: StateDirectory, bytes: number): Promise<number> {
  for await (const name of directory.keys()) await directory.removeEntry(name);
  const handles: SyncAccessHandle[] = [];
  let reserved = 0;
  try {
    for (let length = LONGEST_BYTES; reserved < bytes && length >= SHORTEST_BYTES; ) {
      const wanted = Math.ceil(Math.min(length, bytes - reserved));
      const file = await directory.getFileHandle(`room-${handles.length}`, { create: true });
      const handle = await file.createSyncAccessHandle();
      handles.push(handle);
      if (becomes(handle, wanted)) reserved += wanted;
      else length = wanted / 2;
    }
  } finally {
    for (const handle of handles) handle.close();
    for await (const name of directory.keys()) await directory.removeEntry(name);
  }
  return Math.min(reserved, bytes);
}

/** A private window of Chromium leaves a file as short as it is where it has no memory for it, and throws nothing. */
function becomes(file: SyncAccessHandle, length: number): boolean {
  try {
    file.truncate(length);
  } catch (thrown) {
    if (nameOf(thrown) !== 'QuotaExceededError') throw thrown;
    return false;
  }
  return file.getSize() === length;
}
