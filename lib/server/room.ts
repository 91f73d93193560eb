/** What a full disk says, whoever finds it full: a sentence with the code `disk-full` instead of a system error. */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { ContiguaError } from '../core/errors.ts';

/** No space, no quota. */
const NO_ROOM: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT']);

/** System errors of a full disk as a ContiguaError; anything else as it is. */
export function asDiskFull(thrown: unknown, folder?: string): unknown {
  if (thrown instanceof ContiguaError || !(thrown instanceof Error)) return thrown;
  const { code, path, syscall } = thrown as NodeJS.ErrnoException;
  // Node tells a recursive mkdir without room as ENOENT.
  const isFull =
    NO_ROOM.has(code) || (code === 'ENOENT' && syscall === 'mkdir' && path !== undefined && !hasRoom(path));
  if (!isFull) return thrown;
  const file = path ?? folder;
  return new ContiguaError('disk-full', 'There is no room on this disk', {
    ...(file !== undefined && { file }),
    found: String(code),
    hint: 'Free space on it; everything acknowledged before is kept, and jobs resume on their own.',
  });
}

function hasRoom(path: string): boolean {
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    try {
      const { bavail, files, ffree } = statfsSync(at);
      return bavail > 0 && (files === 0 || ffree > 0);
    } catch {
      // Not there: the folder that it would be made in decides.
    }
  }
  return true;
}

/** `work` in a folder; a full disk rejects with a sentence. */
export async function withRoom<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw asDiskFull(thrown, folder);
  }
}
