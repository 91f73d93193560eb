/**
 * The killed host (host-process-entry.ts) compiled to one file, which starts in a fraction of the time that the sources
 * take. It is named after its content and lies inside the checkout, where no other user of the machine can write. Packages
 * stay outside, and every module keeps its `import.meta.url`.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const ENTRY = fileURLToPath(new URL('./host-process-entry.ts', import.meta.url));
const CACHE = resolve('node_modules', '.cache', 'contigua', 'proof-hosts');
/** A process of a test run that began before that is not expected. */
const UNUSED_MS = 24 * 3600_000;

let compiled: Promise<string> | null = null;

/** The path of the file; compiled once in a process, so that hosts of one test are of the same sources. */
export function compiledHost(): Promise<string> {
  compiled ??= compile();
  return compiled;
}

async function compile(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [ENTRY],
    write: false,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.20',
    packages: 'external',
    sourcemap: 'inline',
    sourcesContent: false,
    // Modules run whether or not something of them is used, as they do uncompiled.
    ignoreAnnotations: true,
    logLevel: 'warning',
    plugins: [
      {
        name: 'urls',
        setup({ onLoad }) {
          onLoad({ filter: /\.(ts|mjs)$/ }, async ({ path }) => {
            const text = await readFile(path, 'utf8');
            const url = JSON.stringify(pathToFileURL(path).href);
            return { contents: text.replaceAll('import.meta.url', url), loader: path.endsWith('.ts') ? 'ts' : 'js' };
          });
        },
      },
    ],
  });
  const [output] = outputFiles;
  if (!output) throw new Error(`esbuild made nothing of ${ENTRY}`);
  await mkdir(CACHE, { recursive: true });
  const name = `${createHash('sha256').update(output.contents).digest('hex').slice(0, 16)}.mjs`;
  // Another test file may write the same: each file appears whole.
  const part = join(CACHE, `${name}.${process.pid}.part`);
  await writeFile(part, output.contents);
  await rename(part, join(CACHE, name));
  for (const other of await readdir(CACHE)) {
    const path = join(CACHE, other);
    const info = await stat(path).catch(() => null);
    if (info && Date.now() - info.mtimeMs > UNUSED_MS) await rm(path, { force: true });
  }
  return join(CACHE, name);
}
