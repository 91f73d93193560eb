/**
 * Keeps other users of the machine out of the data folder: new files are created for this user alone, and what an earlier
 * version left open is closed when the folder is opened. PGlite copies a new database out of an archive whose files
 * everybody may write, so the same is done once a database has been made. Permissions are only ever taken away.
 */
import { constants } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** What the product puts into the data folder. Whatever else lies there is its user's own. */
const OURS = ['database', 'database.lock', 'artifacts', 'cache', 'scratch', 'uploads'];
const OTHERS = 0o077;
/** Such a folder is everybody's by design, as /tmp is. */
const STICKY = 0o1000;

let usersMask: number | null = null;

/** From now on this process, and those that it starts, create files for this user alone. */
export function createPrivately(): void {
  const former = process.umask(OTHERS);
  usersMask ??= former;
}

/** What the user's own umask makes of 0666 and 0777, for results that go where the user asked; null where it still holds. */
export function usersModes(): { readonly file: number; readonly folder: number } | null {
  return usersMask === null ? null : { file: 0o666 & ~usersMask, folder: 0o777 & ~usersMask };
}

/** Says through `report` where it cannot: the folder belongs to another user, or to everybody. */
export async function closeToOthers(dataFolder: string, report: (sentence: string) => void): Promise<void> {
  // Windows keeps permissions elsewhere, and its modes say that everybody may write.
  if (process.platform === 'win32') return;
  // First, so that nobody changes what is below while it is looked at.
  const closed = await closeEntry(dataFolder);
  if (!closed) {
    report(`${dataFolder} belongs to another user or to everybody: its permissions are left as they are.`);
  }
  for (const name of OURS) await closeTree(join(dataFolder, name));
}

/** Links are not followed. What goes away meanwhile needs no closing. */
export async function closeTree(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  if (!(await lstat(path).catch(() => null))?.isDirectory()) return;
  await closeEntry(path);
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const inside = join(path, entry.name);
    if (entry.isDirectory()) await closeTree(inside);
    else if (entry.isFile()) await closeEntry(inside);
  }
}

/** False where it is not for this process to change. */
async function closeEntry(path: string): Promise<boolean> {
  const before = await lstat(path).catch(() => null);
  if (!before || before.isSymbolicLink() || (before.mode & OTHERS) === 0) return true;
  const user = process.geteuid?.() ?? 0;
  if ((user !== 0 && before.uid !== user) || (before.mode & STICKY) !== 0) return false;
  // By its descriptor, so that a link which takes the name's place meanwhile is not followed.
  const opened = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => null);
  if (!opened) return false;
  try {
    const { mode } = await opened.stat();
    await opened.chmod(mode & 0o7777 & ~OTHERS);
    return true;
  } finally {
    await opened.close();
  }
}
