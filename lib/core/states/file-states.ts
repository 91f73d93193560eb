/**
 * States in files of one folder, whatever holds the folder (disk-states.ts and opfs-states.ts in lib/compute/stores). A
 * file is a header of 32 bytes and the rows. The header is written last, so that a file that was cut off has none; its
 * checksum is compared once, before a file of an earlier process is first read. Files are not synced: one that a power cut
 * tore fails its checksum, and counts for one that is not there.
 */
import { ContiguaError } from '../errors.ts';
import type { StateFile, StateFolder } from './state-folder.ts';
import { checksumOf, HEADER_BYTES, type Header, parseHeader, startChecksum, writeHeader } from './state-header.ts';
import {
  checkKey,
  checkRange,
  checkRows,
  FLOAT_BYTES,
  notSealed,
  overBudget,
  type StateShape,
  type StateStore,
  WrittenRows,
} from './state-store.ts';

interface Writing extends StateShape {
  readonly file: StateFile;
  readonly written: WrittenRows;
  /** While rows come in order. */
  checksum: ReturnType<typeof startChecksum> | null;
  nextRow: number;
}

const PIECE_BYTES = 4 * 2 ** 20;

/** Files that earlier processes sealed count against the budget too. */
export async function fileStates(folder: StateFolder, budgetBytes: number): Promise<StateStore> {
  const sizes = new Map(await folder.list());
  const writing = new Map<string, Writing>();
  /** Sealed by this process, or compared with their checksum. */
  const sealed = new Map<string, StateShape>();
  let usedBytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);

  async function discard(key: string): Promise<void> {
    const name = nameOf(key);
    await writing.get(key)?.file.close();
    writing.delete(key);
    sealed.delete(key);
    await folder.remove(name);
    usedBytes -= sizes.get(name) ?? 0;
    sizes.delete(name);
  }

  function writingOf(key: string): Writing {
    const found = writing.get(key);
    if (!found) throw new RangeError(`${key} was not created, or is sealed`);
    return found;
  }

  async function shapeOf(key: string): Promise<StateShape | null> {
    const known = sealed.get(key);
    if (known || writing.has(key) || !sizes.has(nameOf(key))) return known ?? null;
    const file = await folder.open(nameOf(key));
    if (!file) return null;
    let header: Header | null;
    try {
      header = await soundHeader(file);
    } finally {
      await file.close();
    }
    if (header) sealed.set(key, { rows: header.rows, width: header.width });
    else await discard(key);
    return sealed.get(key) ?? null;
  }

  return {
    async create(key, rows, width) {
      checkKey(key);
      await discard(key);
      const bytes = HEADER_BYTES + rows * width * FLOAT_BYTES;
      if (usedBytes + bytes > budgetBytes) throw overBudget('disk', budgetBytes, usedBytes + bytes);
      const file = await folder.create(nameOf(key));
      usedBytes += bytes;
      sizes.set(nameOf(key), bytes);
      writing.set(key, { file, rows, width, written: new WrittenRows(rows), checksum: startChecksum(), nextRow: 0 });
    },

    async write(key, fromRow, values) {
      const to = writingOf(key);
      const count = checkRows(key, to, fromRow, values);
      const bytes = bytesOf(values);
      try {
        await to.file.write(HEADER_BYTES + fromRow * to.width * FLOAT_BYTES, bytes);
      } catch (thrown) {
        await discard(key).catch(() => undefined); // the first failure is the one to tell
        throw thrown;
      }
      if (fromRow === to.nextRow) to.checksum?.add(bytes);
      else to.checksum = null;
      to.nextRow = fromRow + count;
      to.written.add(fromRow, count);
    },

    async seal(key) {
      const { file, rows, width, written, checksum } = writingOf(key);
      written.checkComplete(key);
      const dataBytes = rows * width * FLOAT_BYTES;
      try {
        const sum = checksum?.value ?? (await checksumOf(file, HEADER_BYTES, dataBytes, PIECE_BYTES));
        await file.write(0, writeHeader({ rows, width, checksum: sum }));
        await file.close();
        writing.delete(key);
        await folder.publish(nameOf(key));
      } catch (thrown) {
        await discard(key).catch(() => undefined); // as above
        throw thrown;
      }
      sealed.set(key, { rows, width });
    },

    shape: shapeOf,

    async read(key, fromRow = 0, toRow) {
      const shape = await shapeOf(key);
      if (!shape) throw notSealed(key);
      const end = toRow ?? shape.rows;
      checkRange(key, shape, fromRow, end);
      const values = new Float32Array((end - fromRow) * shape.width);
      const file = await folder.open(nameOf(key));
      if (!file) throw vanished(key);
      try {
        const at = HEADER_BYTES + fromRow * shape.width * FLOAT_BYTES;
        if (at + values.byteLength > file.sizeBytes) throw vanished(key);
        await file.read(at, bytesOf(values));
      } finally {
        await file.close();
      }
      return values;
    },

    remove: discard,

    async clear() {
      for (const key of [...writing.keys()]) await discard(key);
      sealed.clear();
      for (const [name, size] of [...sizes]) {
        await folder.remove(name);
        usedBytes -= size;
        sizes.delete(name);
      }
    },

    get usage() {
      return { memoryBytes: 0, storedBytes: usedBytes };
    },

    async dispose() {
      for (const key of [...writing.keys()]) await discard(key);
      sealed.clear();
      await folder.removeIfEmpty?.();
    },
  };
}

function nameOf(key: string): string {
  return key.replaceAll('/', '.');
}

/** Null where the file is not whole, or its values are not those that were written. */
async function soundHeader(file: StateFile): Promise<Header | null> {
  if (file.sizeBytes < HEADER_BYTES) return null;
  const start = new Uint8Array(HEADER_BYTES);
  await file.read(0, start);
  const header = parseHeader(start);
  if (!header) return null;
  const dataBytes = header.rows * header.width * FLOAT_BYTES;
  if (file.sizeBytes !== HEADER_BYTES + dataBytes) return null;
  return (await checksumOf(file, HEADER_BYTES, dataBytes, PIECE_BYTES)) === header.checksum ? header : null;
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function vanished(key: string): ContiguaError {
  return new ContiguaError('artifact-missing', 'A stored state was removed or cut while it was in use', {
    file: nameOf(key),
    hint: 'Leave the folder of states alone while an analysis runs, and start the analysis again.',
  });
}
