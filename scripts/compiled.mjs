/**
 * Imports the product's TypeScript as compiled code from dist/ inside the checkout, compiled again first where a source has
 * changed. A loader that compiles on the fly would keep its results in the system's temporary folder, where another user
 * of the machine can put code that then runs as this one. The check costs one `stat` per source. A process started by a
 * compiled one uses the same build (CONTIGUA_BUILD), so that parent and child agree on their protocol while sources change.
 */
import { existsSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
export const DIST = join(ROOT, 'dist');
/** Names the build in use, and for each of its sources path, time of change in ms and size in bytes. */
export const MANIFEST = join(DIST, 'current.json');
/** First characters of a SHA-256 of what was built. */
const BUILD_NAME = /^[0-9a-f]{16}$/;
const UNWRITABLE = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'EEXIST', 'ENOTDIR']);
/** sysexits' EX_CONFIG, as in lib/server/host.ts. */
const CANNOT_START = 78;

/** Runs an entry of scripts/compile.mjs in this process and returns what it exports. */
export async function importCompiled(entry) {
  const build = await currentBuild();
  process.env.CONTIGUA_BUILD = build;
  // Stack traces name lines of the TypeScript sources.
  process.setSourceMapsEnabled(true);
  return await import(pathToFileURL(join(DIST, build, `${entry}.js`)).href);
}

/** The name of the build of the present sources, made if need be. */
export async function currentBuild() {
  const inherited = process.env.CONTIGUA_BUILD ?? '';
  const known = BUILD_NAME.test(inherited) && existsSync(join(DIST, inherited)) ? inherited : freshBuild();
  if (known === null) return await (await import('./compile.mjs')).compile().catch(stopAtUnwritable);
  markUsed(join(DIST, known));
  return known;
}

function freshBuild() {
  let text;
  try {
    text = readFileSync(MANIFEST, 'utf8');
  } catch (thrown) {
    if (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR') return null;
    throw thrown;
  }
  const { build, sources } = parsed(text);
  const isFresh = sources.every(([path, mtimeMs, size]) => {
    const info = statSync(join(ROOT, path), { throwIfNoEntry: false });
    return info?.mtimeMs === mtimeMs && info.size === size;
  });
  return isFresh && BUILD_NAME.test(build) && existsSync(join(DIST, build)) ? build : null;
}

/** A power cut may leave an empty file, which names no build. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return { build: '', sources: [] };
  }
}

/** For people; a failed compilation (a defect in a source) keeps its stack. */
function stopAtUnwritable(thrown) {
  if (!UNWRITABLE.has(thrown.code)) throw thrown;
  console.error(`The compiled code cannot be written (${thrown.message}). It needs a few megabytes in ${DIST}.`);
  process.exit(CANNOT_START);
}

/** compile.mjs removes builds that have not been used for long. Where the checkout belongs to another user it keeps them. */
function markUsed(folder) {
  const now = new Date();
  try {
    utimesSync(folder, now, now);
  } catch (thrown) {
    if (!['EACCES', 'EPERM', 'EROFS', 'ENOENT'].includes(thrown.code)) throw thrown;
  }
}
