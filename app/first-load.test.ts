/**
 * What a page loads first, as the bundler sees it: every static import from its entry, types left out. What an import() or a
 * worker brings comes later: TensorFlow.js, and all that computes with it, is for the worker alone.
 */
import { fileURLToPath } from 'node:url';
import { build, type Metafile } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';

const ENTRIES = [
  'app/layout.tsx',
  'app/page.tsx',
  'app/runs/page.tsx',
  'app/runs/[id]/page.tsx',
  'app/error.tsx',
  'app/not-found.tsx',
];
let inputs: Metafile['inputs'];

beforeAll(async () => {
  const { metafile } = await build({
    absWorkingDir: fileURLToPath(new URL('..', import.meta.url)),
    entryPoints: ENTRIES,
    bundle: true,
    splitting: true,
    format: 'esm',
    outdir: 'unwritten',
    write: false,
    metafile: true,
    packages: 'external',
    jsx: 'automatic',
    loader: { '.css': 'empty' },
    logLevel: 'silent',
  });
  inputs = metafile.inputs;
}, 180_000);

/** Files and packages that are there before anything is asked for. */
function loadedFirst(entry: string): string[] {
  const seen = new Set<string>();
  const ahead = [entry];
  for (let path = ahead.pop(); path !== undefined; path = ahead.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    for (const one of inputs[path]?.imports ?? []) if (one.kind === 'import-statement') ahead.push(one.path);
  }
  return [...seen];
}

describe('the first load', () => {
  it.each(ENTRIES)('of %s holds no TensorFlow.js and nothing of the server', (entry) => {
    const loaded = loadedFirst(entry);
    expect(loaded).toContain(entry);
    const unwanted = /^lib\/(server|core\/(tensor\/index|model\/index|analysis|capture|sampling|distil))|tensorflow/;
    expect(loaded.filter((path) => unwanted.test(path))).toEqual([]);
  });

  it('of the explorer reaches its stores, so that the above is no empty statement', () => {
    expect(loadedFirst('app/page.tsx')).toEqual(expect.arrayContaining(['lib/page/explorer/analysis.ts', 'zustand']));
  });
});
