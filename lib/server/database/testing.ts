/** A data folder with an empty database, for tests that are not about how one is made. */
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { openRuns } from '../runs/open.ts';

/**
 * WebAssembly of this process is compiled once, fast, and not optimised in the background: PGlite's is compiled anew for each
 * database that opens, and optimising it takes longer than what most tests ask of it.
 */
export function compileQuickly(): void {
  setFlagsFromString('--liftoff-only');
}

compileQuickly();

const CACHE = resolve('node_modules', '.cache', 'contigua');
/** What an empty database is made from: another one is made where any of these has changed. */
const INGREDIENTS = [
  'lib/server/database/migrations.ts',
  'lib/server/database/edits-and-streams.ts',
  'lib/server/queue.ts',
  'package-lock.json',
];

/** Kept like a build's cache: making one takes seconds, copying it does not. */
async function freshDatabase(): Promise<string> {
  const hash = createHash('sha256');
  for (const path of INGREDIENTS) hash.update(await readFile(path));
  const folder = join(CACHE, `fresh-database-${hash.digest('hex').slice(0, 16)}`);
  if (await exists(folder)) return folder;
  await mkdir(CACHE, { recursive: true });
  const dataFolder = await mkdtemp(join(CACHE, 'making-'));
  await (await openRuns({ databaseUrl: null, dataFolder }, () => {})).close();
  await rm(join(dataFolder, 'database.lock'), { recursive: true });
  for (const name of await readdir(CACHE)) {
    const isOld = name.startsWith('fresh-database-') && name !== basename(folder);
    if (isOld) await rm(join(CACHE, name), { recursive: true, force: true });
  }
  // Another test file may have been faster: either is as good.
  await rename(dataFolder, folder).catch(() => rm(dataFolder, { recursive: true }));
  return folder;
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Makes the folder where there is none. The first process that opens it finds every table and queue, and no rows. */
export async function copyFreshDatabase(dataFolder: string): Promise<void> {
  await cp(await freshDatabase(), dataFolder, { recursive: true });
}
