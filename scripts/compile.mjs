/**
 * Compiles the entries of the terminal, the job host, the worker and the compute processes into dist/NAME, where NAME is a
 * digest of the result, and writes dist/current.json last. Both appear by a rename, so that processes that start at the
 * same moment each find a whole build, and one that runs keeps its own. Packages stay outside: node_modules has them.
 */
import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, stop } from 'esbuild';
import { DIST, MANIFEST } from './compiled.mjs';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const ENTRIES = {
  contigua: 'cli/main.ts',
  host: 'lib/server/host.ts',
  worker: 'lib/server/jobs/main.ts',
  health: 'lib/server/jobs/health.ts',
  access: 'lib/server/http/access.ts',
  'end-signals': 'lib/server/end-signals.ts',
  'guard-next': 'lib/server/http/guard-next.ts',
  'compute-process': 'workers/node-process-entry.ts',
  'compute-thread': 'workers/node-worker.ts',
};
/** These decide on the result as well. */
const SETTINGS = ['scripts/compile.mjs', 'tsconfig.json', 'package.json', 'package-lock.json'];
/** A process that was started before that and still loads parts of its build is not expected. */
const UNUSED_MS = 30 * 24 * 3600_000;
/** Whatever the umask: another user may read what is built as they may read the sources, and never write it. */
const FOLDER_MODE = 0o755;
const FILE_MODE = 0o644;

/** Returns the build's name. */
export async function compile() {
  const sources = new Map();
  for (const path of SETTINGS) await noteSource(sources, path);
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: Object.entries(ENTRIES).map(([out, input]) => ({ in: input, out })),
    // Nothing is written there: it sets the depth that paths are relative to.
    outdir: 'dist/build',
    write: false,
    bundle: true,
    splitting: true,
    chunkNames: 'part-[hash]',
    format: 'esm',
    platform: 'node',
    target: 'node20.20',
    packages: 'external',
    sourcemap: 'linked',
    sourcesContent: false,
    // Modules run whether or not something of them is used, as they do uncompiled.
    ignoreAnnotations: true,
    logLevel: 'warning',
    plugins: [readingSources(sources)],
    // Its process would stay as long as this one.
  }).finally(stop);
  const hash = createHash('sha256');
  for (const { path, contents } of outputFiles) hash.update(`${basename(path)} ${contents.length}\n`).update(contents);
  const name = hash.digest('hex').slice(0, 16);
  await publish(name, outputFiles);
  await writeWhole(MANIFEST, JSON.stringify({ build: name, sources: [...sources.values()] }));
  await removeUnused(name);
  return name;
}

/** Notes each source as it was before it was read, and keeps `import.meta.url` what it is uncompiled: the source's own. */
function readingSources(sources) {
  return {
    name: 'sources',
    setup({ onLoad }) {
      onLoad({ filter: /\.(ts|mjs|json)$/ }, async ({ path }) => {
        const inside = relative(ROOT, path).split(sep).join('/');
        await noteSource(sources, inside);
        const text = await readFile(path, 'utf8');
        const url = `new URL(${JSON.stringify(`../../${encodeURI(inside)}`)}, import.meta.url).href`;
        if (path.endsWith('.json')) return { contents: text, loader: 'json' };
        return { contents: text.replaceAll('import.meta.url', url), loader: path.endsWith('.ts') ? 'ts' : 'js' };
      });
    },
  };
}

async function noteSource(sources, path) {
  const { mtimeMs, size } = await stat(join(ROOT, path));
  if (!sources.has(path)) sources.set(path, [path, mtimeMs, size]);
}

async function publish(name, outputFiles) {
  await mkdir(DIST, { recursive: true, mode: FOLDER_MODE });
  const temporary = join(DIST, `.${process.pid}-${randomBytes(6).toString('hex')}.part`);
  try {
    await mkdir(temporary, { mode: 0o700 });
    for (const { path, contents } of outputFiles) await writeReadable(join(temporary, basename(path)), contents);
    await chmod(temporary, FOLDER_MODE);
    // A folder of that name has the same content.
    await rename(temporary, join(DIST, name)).catch(async (thrown) => {
      if (!(await stat(join(DIST, name)).catch(() => null))) throw thrown;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function writeWhole(path, text) {
  const temporary = join(DIST, `.${process.pid}-${randomBytes(6).toString('hex')}.part`);
  await writeReadable(temporary, text);
  await rename(temporary, path);
}

async function writeReadable(path, content) {
  await writeFile(path, content, { flag: 'wx', mode: FILE_MODE });
  await chmod(path, FILE_MODE);
}

async function removeUnused(current) {
  for (const name of await readdir(DIST)) {
    if (name === current || name === basename(MANIFEST)) continue;
    const info = await stat(join(DIST, name)).catch(() => null);
    if (info && Date.now() - info.mtimeMs > UNUSED_MS) await rm(join(DIST, name), { recursive: true, force: true });
  }
}
