/**
 * Two stores as one: a matrix is kept in memory while the budget there has room, and in the second store (files) after
 * that. What is to be found again after a restart must be in files: such callers use the file store alone.
 */
import type { MemoryStates } from './memory-states.ts';
import { FLOAT_BYTES, type StateStore } from './state-store.ts';

export function tieredStates(memory: MemoryStates, stored: StateStore): StateStore {
  /** Matrices in memory; what is not among them is in files, those of an earlier process included. */
  const inMemory = new Set<string>();
  const of = (key: string): StateStore => (inMemory.has(key) ? memory : stored);

  return {
    async create(key, rows, width) {
      await of(key).remove(key);
      inMemory.delete(key);
      if (!memory.hasRoom(rows * width * FLOAT_BYTES)) return await stored.create(key, rows, width);
      await stored.remove(key);
      await memory.create(key, rows, width);
      inMemory.add(key);
    },
    write: (key, fromRow, values) => of(key).write(key, fromRow, values),
    seal: (key) => of(key).seal(key),
    shape: (key) => of(key).shape(key),
    read: (key, fromRow, toRow) => of(key).read(key, fromRow, toRow),
    async remove(key) {
      await of(key).remove(key);
      inMemory.delete(key);
    },
    async clear() {
      inMemory.clear();
      await memory.clear();
      await stored.clear();
    },
    get usage() {
      return { memoryBytes: memory.usage.memoryBytes, storedBytes: stored.usage.storedBytes };
    },
    async dispose() {
      inMemory.clear();
      await memory.dispose();
      await stored.dispose();
    },
  };
}
