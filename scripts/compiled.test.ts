/** What runs when a user starts the product: code compiled inside the checkout, and nothing from anywhere else. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-compiled-'));
});
afterEach(() => rm(folder, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

async function run(argv: readonly string[], options: { env?: Record<string, string>; cwd?: string } = {}) {
  const env = { ...process.env, TSX_DISABLE_CACHE: '', DATABASE_URL: '', ...options.env };
  const child = spawn(process.execPath, argv, { cwd: options.cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  const [code] = await once(child, 'close');
  return { code, output } satisfies Ended;
}

describe('a temporary folder that others can write to', () => {
  const POISON = 'code of another user';

  /** Fills the loader's cache as it does itself, then puts a line before the code of every entry. */
  async function poison(env: Record<string, string>): Promise<void> {
    // Whoever loads a source through the loader makes its entry; these are what the terminal, host and worker consist of.
    for (const path of ['cli/main.ts', 'lib/core/errors.ts', 'lib/server/env.ts', 'workers/node-process-entry.ts']) {
      await run(['--import', 'tsx', '--eval', `import(${JSON.stringify(resolve(path))})`], { env });
    }
    const caches = (await readdir(folder)).filter((name) => name.startsWith('tsx-'));
    expect(caches).toHaveLength(1);
    const cache = join(folder, caches[0] ?? '');
    for (const name of await readdir(cache)) {
      const text = await readFile(join(cache, name), 'utf8').catch(() => '');
      if (!text.startsWith('{')) continue;
      const entry: { code: string } = JSON.parse(text);
      await writeFile(join(cache, name), JSON.stringify({ ...entry, code: `console.log('${POISON}');${entry.code}` }));
    }
  }

  it('has no part in the terminal, the job host, the worker and the compute process', async () => {
    const env = { TMPDIR: folder, CONTIGUA_SLOTS: 'none', CONTIGUA_BUILD: '' };
    await poison(env);
    // So that this test can fail: the loader runs what it finds there.
    const load = `import(${JSON.stringify(resolve('lib/core/errors.ts'))})`;
    expect((await run(['--import', 'tsx', '--eval', load], { env })).output).toContain(POISON);

    const version = await run(['bin/contigua.mjs', '--version'], { env });
    expect(version).toEqual({ code: 0, output: '0.1.0\n' });
    // Settings that nothing starts with, to come back at once.
    for (const entry of ['scripts/host.mjs', 'scripts/worker.mjs', 'scripts/start.mjs']) {
      const argv = entry === 'scripts/start.mjs' ? [entry, '--no-build', '--host'] : [entry];
      const { code, output } = await run(argv, { env });
      expect(code, entry).not.toBe(0);
      expect(output, entry).toMatch(/CONTIGUA_SLOTS|--host needs a value/);
      expect(output, entry).not.toContain(POISON);
    }
    const compute = await run(['workers/node-process.worker.mjs'], { env });
    expect(compute.output).toContain('This file is the entry of a compute process');
    expect(compute.output).not.toContain(POISON);
  });
});

describe('the compiled code', () => {
  /** A clean clone, with the packages of this one. */
  async function clone(): Promise<string> {
    const root = join(folder, 'clone');
    await mkdir(root);
    for (const name of [
      'bin',
      'cli',
      'lib',
      'scripts',
      'workers',
      'package.json',
      'package-lock.json',
      'tsconfig.json',
    ]) {
      await cp(name, join(root, name), { recursive: true });
    }
    await symlink(resolve('node_modules'), join(root, 'node_modules'));
    return root;
  }
  const version = (cwd: string) => run(['bin/contigua.mjs', '--version'], { cwd, env: { CONTIGUA_BUILD: '' } });
  const builds = async (cwd: string) => (await readdir(join(cwd, 'dist'))).filter((name) => name !== 'current.json');

  it('is made by the first of several that start at once, and each of them runs', async () => {
    const cwd = await clone();
    const ended = await Promise.all(Array.from({ length: 6 }, () => version(cwd)));
    expect(ended).toEqual(ended.map(() => ({ code: 0, output: '0.1.0\n' })));
    expect(await builds(cwd)).toEqual([expect.stringMatching(/^[0-9a-f]{16}$/)]);
    const name = (await builds(cwd))[0] ?? '';
    const { ino } = await stat(join(cwd, 'dist', name));
    await version(cwd);
    expect((await stat(join(cwd, 'dist', name))).ino).toBe(ino);
  });

  it('is made again when a source has changed, even to an older file, and stays for who runs it', async () => {
    const cwd = await clone();
    await version(cwd);
    const [first] = await builds(cwd);
    const path = join(cwd, 'lib/core/plan/product-version.ts');
    await writeFile(path, (await readFile(path, 'utf8')).replace('0.1.0', '0.1.7'));
    await utimes(path, new Date(0), new Date(0));
    expect(await version(cwd)).toEqual({ code: 0, output: '0.1.7\n' });
    expect(await builds(cwd)).toHaveLength(2);
    const child = await run(['bin/contigua.mjs', '--version'], { cwd, env: { CONTIGUA_BUILD: first ?? '' } });
    expect(child).toEqual({ code: 0, output: '0.1.0\n' });
  });

  it('names the lines of the sources in its stack traces', async () => {
    const cwd = await clone();
    const path = join(cwd, 'cli/engines.ts');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('  if (positionals.length > 0)', "  throw new Error('a defect');\n$&"));
    const line = (await readFile(path, 'utf8')).split('\n').findIndex((one) => one.includes('a defect')) + 1;
    expect(line).toBeGreaterThan(1);
    const { output } = await run(['bin/contigua.mjs', 'engines'], { cwd, env: { CONTIGUA_BUILD: '' } });
    expect(output).toContain(`cli/engines.ts:${line}:`);
  });

  it.skipIf(process.platform === 'win32')('cannot be written by others, whatever the umask', async () => {
    const cwd = await clone();
    const argv = ['-c', 'umask 000; exec "$0" "$@"', process.execPath, 'bin/contigua.mjs', '--version'];
    const child = spawn('sh', argv, { cwd, env: { ...process.env, CONTIGUA_BUILD: '' }, stdio: 'ignore' });
    expect((await once(child, 'exit'))[0]).toBe(0);
    const [name = ''] = await builds(cwd);
    const made = [join(cwd, 'dist'), join(cwd, 'dist', name), join(cwd, 'dist', 'current.json')];
    for (const part of await readdir(join(cwd, 'dist', name))) made.push(join(cwd, 'dist', name, part));
    for (const path of made) expect((await stat(path)).mode & 0o022, path).toBe(0);
  });

  it('says where it wants to be written when it cannot', async () => {
    const cwd = await clone();
    await writeFile(join(cwd, 'dist'), 'in the way');
    const { code, output } = await version(cwd);
    expect(code).toBe(78);
    expect(output).toMatch(/^The compiled code cannot be written .*\n$/);
  });
});
