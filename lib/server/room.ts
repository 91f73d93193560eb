/** What a full disk says, whoever finds it full: a sentence with the code `disk-full` instead of a system error. */
import { ContiguaError } from '../core/errors.ts';

/** No space, no quota. */
const NO_ROOM: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT']);

/** System errors of a full disk as a ContiguaError; anything else as it is. */
export function asDiskFull(thrown: unknown, folder?: string): unknown {
  if (thrown instanceof ContiguaError || !(thrown instanceof Error)) return thrown;
  const { code, path } = thrown as NodeJS.ErrnoException;
  if (!NO_ROOM.has(code)) return thrown;
  const file = path ?? folder;
  return new ContiguaError('disk-full', 'There is no room on this disk', {
    ...(file !== undefined && { file }),
    found: String(code),
    hint: 'Free space on it; everything acknowledged before is kept, and jobs go on by themselves.',
  });
}

/** `work` in a folder; a full disk rejects with a sentence. */
export async function withRoom<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw asDiskFull(thrown, folder);
  }
}
