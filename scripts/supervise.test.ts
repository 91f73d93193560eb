/** Who keeps what running, with children that do nothing; e2e/supervision.e2e.ts kills the real ones. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { tryKernelLock } from '../lib/server/database/kernel-lock.ts';
import { type KeepOptions, type Kept, keepRunning } from './supervise.mjs';

const PATIENCE = { timeout: 120_000 };
let folder = '';
const kept: Kept[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-supervise-'));
});
afterEach(async () => {
  for (const one of kept.splice(0)) await one.stop({ now: true });
  await rm(folder, { recursive: true });
});

/** A child that says it is ready, unless its `work` ends it before, and stays. */
async function keep(name: string, work = '', options: Partial<KeepOptions> = {}) {
  const path = join(folder, `${name.replaceAll(' ', '-')}.mjs`);
  await writeFile(
    path,
    `${work}\nprocess.on('disconnect', () => process.exit());\nprocess.send('ready');\nsetInterval(() => {}, 1e6);`,
  );
  const said: string[] = [];
  const one = keepRunning({ name, argv: [path], graceMs: 60_000, say: (line) => said.push(line), ...options });
  kept.push(one);
  return { one, said };
}

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

it('starts the one that died again, and leaves the other alone', async () => {
  const web = await keep('web server');
  const host = await keep('job host');
  await Promise.all([web.one.ready, host.one.ready]);
  const hostPid = host.one.pid();
  for (const times of [1, 2]) {
    const pid = web.one.pid();
    if (pid !== null) process.kill(pid, 'SIGKILL');
    await expect.poll(() => web.said.filter((line) => line.endsWith('is back.')).length, PATIENCE).toBe(times);
  }
  expect(web.said).toEqual([
    'The web server ended (SIGKILL); starting it again in 0.5 s.',
    'The web server is back.',
    'The web server ended (SIGKILL); starting it again in 1 s.',
    'The web server is back.',
  ]);
  expect(host.one.pid()).toBe(hostPid);
  expect(host.said).toEqual([]);
});

it('does not start again what cannot start, and says how it ended', async () => {
  const { one, said } = await keep('job host', 'process.exit(78);');
  await expect(one.ready).rejects.toThrow('The job host could not start (exit code 78).');
  expect(said).toEqual([]);
  expect(one.pid()).toBeNull();
  await one.stop();
});

it('ends what it keeps: in order, then after its grace, or at once', async () => {
  const orderly = `process.on('SIGTERM', () => process.exit());`;
  const deaf = `process.on('SIGTERM', () => {});`;
  for (const [work, graceMs, now] of [
    [orderly, 600_000, false],
    [deaf, 100, false],
    [deaf, 600_000, true],
  ] as const) {
    const { one, said } = await keep('job host', work, { graceMs });
    await one.ready;
    const pid = one.pid() ?? 0;
    await one.stop({ now });
    expect(isAlive(pid)).toBe(false);
    expect(said).toEqual([]);
  }
});

it('asks for an orderly end by the channel on Windows, which knows no SIGTERM', async () => {
  const ending = join(folder, 'ending');
  const work = `
    import { writeFileSync } from 'node:fs';
    process.on('SIGTERM', () => process.exit(1));
    process.on('disconnect', () => writeFileSync(${JSON.stringify(ending)}, 'in order'));`;
  const { one } = await keep('job host', work);
  await one.ready;
  const platform = Object.getOwnPropertyDescriptor(process, 'platform') ?? {};
  Object.defineProperty(process, 'platform', { ...platform, value: 'win32' });
  const stopped = one.stop();
  Object.defineProperty(process, 'platform', platform);
  await stopped;
  expect(await readFile(ending, 'utf8')).toBe('in order');
});

it('can be ended between two children', async () => {
  const { one, said } = await keep('job host');
  await one.ready;
  const pid = one.pid();
  if (pid !== null) process.kill(pid, 'SIGKILL');
  await expect.poll(() => said.length, PATIENCE).toBe(1);
  await one.stop();
  await new Promise((go) => setTimeout(go, 700));
  expect(one.pid()).toBeNull();
  expect(said).toHaveLength(1);
});

it.each([
  ['the job host', ['scripts/host.mjs'], { CONTIGUA_SLOTS: '0', DATABASE_URL: '', CONTIGUA_JOB_PORT: '0' }],
  ['a Next.js server', ['scripts/next.mjs', 'stand-in'], {}],
])('takes %s along when it is killed itself', async (_, argv, settings) => {
  const pidFile = join(folder, 'pid');
  const supervisor = join(folder, 'supervisor.mjs');
  // Next.js' own command line is replaced by one that serves for ever: a build is not needed to see who ends it.
  const standIn = join(folder, 'stand-in.mjs');
  await writeFile(
    standIn,
    `import { register } from 'node:module';
     register('data:text/javascript,' + encodeURIComponent(\`export async function load(url, context, next) {
       if (!url.endsWith('/next/dist/bin/next')) return await next(url, context);
       return { format: 'module', shortCircuit: true, source: 'setInterval(() => {}, 1e6); process.send("ready");' };
     }\`));`,
  );
  await writeFile(
    supervisor,
    `import { writeFileSync } from 'node:fs';
     import { keepRunning } from ${JSON.stringify(resolve('scripts/supervise.mjs'))};
     const kept = keepRunning({ name: 'child', argv: JSON.parse(process.argv[2]), cwd: ${JSON.stringify(resolve('.'))}, graceMs: 1e6 });
     await kept.ready;
     writeFileSync(${JSON.stringify(pidFile)}, String(kept.pid()));
     console.log('ready');`,
  );
  const full = argv[1] === 'stand-in' ? ['--import', standIn, argv[0] ?? ''] : argv;
  const env = { ...process.env, CONTIGUA_DATA: join(folder, 'data'), ...settings };
  const child = spawn(process.execPath, [supervisor, JSON.stringify(full)], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  expect(String((await once(child.stdout, 'data'))[0])).toContain('ready');
  const pid = Number(await readFile(pidFile, 'utf8'));
  expect(isAlive(pid)).toBe(true);
  child.kill('SIGKILL');
  await expect.poll(() => isAlive(pid), PATIENCE).toBe(false);
});

it('ends the job host that still waits for the folder of a former one', async () => {
  const locks = join(folder, 'data', 'database.lock');
  await mkdir(locks, { recursive: true });
  const held = await tryKernelLock(join(locks, 'held'));
  // This process poses as a former host whose own supervisor is gone.
  const gone = spawn(process.execPath, ['-e', '']);
  await once(gone, 'exit');
  const namespace = await readlink('/proc/self/ns/pid').catch(() => null);
  const parent = { pid: gone.pid, started: null, namespace };
  const owner = { pid: process.pid, host: hostname(), started: null, since: new Date().toISOString(), kernel: true };
  await writeFile(join(locks, '1.json'), JSON.stringify({ ...owner, parent }));
  const env = { ...process.env, CONTIGUA_DATA: join(folder, 'data'), CONTIGUA_SLOTS: '0', DATABASE_URL: '' };
  const host = spawn(process.execPath, ['scripts/host.mjs'], { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const ended = once(host, 'exit');
  expect(String((await once(host.stderr ?? host, 'data'))[0])).toContain('Waiting for process');
  host.disconnect();
  expect(await ended).toEqual([1, null]);
  held?.release();
});
