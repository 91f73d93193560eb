import { describe, expect, it } from 'vitest';
import { fakeOpfs } from './opfs-fixtures.ts';
import { roomBeside, roomIn } from './opfs-room.ts';
import type { StateDirectory } from './opfs-states.ts';

const MEBI = 2 ** 20;

describe('the room that a browser grants', () => {
  it('is what was asked for, where there is as much', async () => {
    const directory = fakeOpfs(12 * MEBI);
    expect(await roomIn(directory, 12 * MEBI)).toBe(12 * MEBI);
    expect(await roomIn(directory, 1234.5)).toBe(1234.5);
    expect(directory.files.size).toBe(0);
  });

  it('is found to 4 MiB where there is less, and given back', async () => {
    const directory = fakeOpfs(13 * MEBI);
    const room = await roomIn(directory, 40 * MEBI);
    expect(room).toBeGreaterThan(9 * MEBI);
    expect(room).toBeLessThanOrEqual(13 * MEBI);
    expect(directory.files.size).toBe(0);
    expect(await roomIn(fakeOpfs(MEBI), 40 * MEBI)).toBe(0);
  });

  it('is not what a file is left short of without an error', async () => {
    const room = await roomIn(silent(fakeOpfs(13 * MEBI)), 40 * MEBI);
    expect(room).toBeGreaterThan(9 * MEBI);
    expect(room).toBeLessThanOrEqual(13 * MEBI);
  });

  it('counts no files of an earlier question that a closed tab left behind', async () => {
    const directory = fakeOpfs(12 * MEBI);
    const file = await (await directory.getFileHandle('room-7', { create: true })).createSyncAccessHandle();
    file.truncate(11 * MEBI);
    file.close();
    expect(await roomIn(directory, 12 * MEBI)).toBe(12 * MEBI);
    expect(directory.files.size).toBe(0);
  });

  it('rejects, and leaves no file, where the file system fails otherwise', async () => {
    const directory = fakeOpfs();
    const broken: StateDirectory = {
      ...directory,
      async getFileHandle(name, options) {
        const file = await directory.getFileHandle(name, options);
        const truncate = () => {
          throw new DOMException('gone', 'InvalidStateError');
        };
        return {
          ...file,
          createSyncAccessHandle: async () => ({ ...(await file.createSyncAccessHandle()), truncate }),
        };
      },
    };
    await expect(roomIn(broken, MEBI)).rejects.toThrow('gone');
    expect(directory.files.size).toBe(0);
  });
});

describe('the room beside what is stored', () => {
  it('is all that was asked for, to the byte, where it is granted', async () => {
    for (let bytes = 1e9; bytes < 1e11; bytes = Math.floor(bytes * 1.07)) {
      expect(await roomBeside(123_456_789, bytes, async (wanted) => wanted)).toBe(bytes);
    }
    const never = async () => {
      throw new Error('There is no need to ask');
    };
    expect(await roomBeside(5e9, 5e9, never)).toBe(5e9);
  });

  it('leaves a tenth of what is granted to other data', async () => {
    expect(await roomBeside(40e6, 80e6, async () => 30e6)).toBe(67e6);
  });
});

/** As a private window of Chromium, whose files end where memory does. */
function silent(directory: StateDirectory): StateDirectory {
  return {
    ...directory,
    async getFileHandle(name, options) {
      const file = await directory.getFileHandle(name, options);
      return {
        ...file,
        async createSyncAccessHandle() {
          const handle = await file.createSyncAccessHandle();
          return {
            ...handle,
            truncate(size) {
              try {
                handle.truncate(size);
              } catch {
                // As long as it was.
              }
            },
          };
        },
      };
    },
  };
}
