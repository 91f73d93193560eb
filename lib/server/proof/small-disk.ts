/** A file system of a few megabytes, so that a disk can be full without filling anybody's. Needs the right to mount. */
import { execFileSync } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Mounts an empty file system of so many bytes ("2m") over a folder; returns how to take it away, null without the right. */
export function smallDisk(folder: string, size: string): (() => void) | null {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder], { stdio: 'ignore' });
    const unmount = () => {
      process.off('exit', unmount);
      execFileSync('umount', ['-l', folder], { stdio: 'ignore' });
    };
    // Whoever is interrupted leaves no mount behind.
    process.once('exit', unmount);
    return unmount;
  } catch {
    return null;
  }
}

/** Takes what room is left in the folder's file system; returns how to give it back. */
export async function fillDisk(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'filler');
  for (const size of [2 ** 20, 2 ** 12]) {
    for (;;) {
      const full = await writeFile(path, Buffer.alloc(size), { flag: 'a' }).then(
        () => false,
        () => true,
      );
      if (full) break;
    }
  }
  return () => rm(path, { force: true });
}
