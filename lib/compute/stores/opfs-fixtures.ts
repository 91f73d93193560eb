/** An OPFS directory in memory for tests, with the errors of the standard: names, exclusive handles, a quota. */
import type { StateDirectory } from './opfs-states.ts';

interface FakeFile {
  bytes: Uint8Array<ArrayBuffer>;
  isOpen: boolean;
}

export function fakeOpfs(quotaBytes = Number.POSITIVE_INFINITY): StateDirectory & { files: Map<string, FakeFile> } {
  const files = new Map<string, FakeFile>();
  const used = () => [...files.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  return {
    files,
    async getFileHandle(name, { create = false } = {}) {
      if (!files.has(name) && !create) throw new DOMException(name, 'NotFoundError');
      const file = files.get(name) ?? { bytes: new Uint8Array(0), isOpen: false };
      files.set(name, file);
      return {
        getFile: async () => ({ size: file.bytes.length }),
        async createSyncAccessHandle() {
          if (file.isOpen) throw new DOMException(name, 'NoModificationAllowedError');
          file.isOpen = true;
          const resize = (size: number) => {
            const grown = new Uint8Array(size);
            grown.set(file.bytes.subarray(0, size));
            file.bytes = grown;
          };
          return {
            read(into, { at }) {
              const piece = file.bytes.subarray(at, at + into.length);
              into.set(piece);
              return piece.length;
            },
            write(bytes, { at }) {
              const more = Math.max(0, at + bytes.length - file.bytes.length);
              if (used() + more > quotaBytes) throw new DOMException(name, 'QuotaExceededError');
              if (more > 0) resize(at + bytes.length);
              file.bytes.set(bytes, at);
              return bytes.length;
            },
            getSize: () => file.bytes.length,
            truncate(size) {
              if (used() - file.bytes.length + size > quotaBytes) throw new DOMException(name, 'QuotaExceededError');
              resize(size);
            },
            close() {
              file.isOpen = false;
            },
          };
        },
      };
    },
    async removeEntry(name) {
      const file = files.get(name);
      if (!file) throw new DOMException(name, 'NotFoundError');
      if (file.isOpen) throw new DOMException(name, 'NoModificationAllowedError');
      files.delete(name);
    },
    async *keys() {
      yield* [...files.keys()];
    },
  };
}
