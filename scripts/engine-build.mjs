/**
 * Names the code that computes in the browser: the sources of the core, of the compute worker and of its entries, the locked
 * versions of TensorFlow.js, and what is made of its files. A result of the engine check counts for one such name.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../', import.meta.url);
const FOLDERS = ['lib/core/', 'lib/compute/', 'workers/'];
const FILES = ['package-lock.json', 'next.config.mjs', 'scripts/engine-files.mjs'];

/** The first 16 hexadecimal characters of a SHA-256. */
export async function engineBuild(root = ROOT) {
  const hash = createHash('sha256');
  for (const path of [...(await sources(root)), ...FILES]) {
    hash
      .update(`${path}\0`)
      .update(await readFile(new URL(path, root)))
      .update('\0');
  }
  return hash.digest('hex').slice(0, 16);
}

async function sources(root) {
  const paths = [];
  for (const folder of FOLDERS) {
    const entries = await readdir(fileURLToPath(new URL(folder, root)), { recursive: true });
    paths.push(...entries.filter((name) => /(?<!\.test)\.(ts|mjs|json)$/.test(name)).map((name) => folder + name));
  }
  return paths.map((path) => path.replaceAll('\\', '/')).sort();
}
