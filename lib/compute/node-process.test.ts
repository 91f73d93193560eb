import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { findTensorflow } from './engines/tensorflow.ts';
import { type ComputeProcess, type ComputeProcessOptions, hugePages, startComputeProcess } from './node-process.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-process-'));
});
afterAll(() => rm(folder, { recursive: true }));

const processes: ComputeProcess[] = [];
afterEach(() => {
  for (const { client } of processes.splice(0)) client.close();
});
function started(options?: ComputeProcessOptions): ComputeProcess {
  const compute = startComputeProcess(options);
  processes.push(compute);
  return compute;
}

let entries = 0;
async function entryOf(source: string): Promise<URL> {
  const path = join(folder, `entry-${entries++}.mjs`);
  await writeFile(path, source);
  return pathToFileURL(path);
}
/** Answers its first message with the value of an expression. */
const answering = (expression: string) =>
  entryOf(`process.on('message', ({ id }) => process.send({ type: 'result', id, value: ${expression} }));`);

async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('a compute process', () => {
  it('starts an engine, checks it, and can be restarted as another process', async () => {
    const compute = started({ threads: 1 });
    const first = compute.pid;
    for (const round of [1, 2]) {
      const report = await compute.client.call('startEngine', { wanted: 'wasm' });
      expect(report, `round ${round}`).toMatchObject({ name: 'wasm' });
      const { maxAbsError, tolerance } = await compute.client.call('verifyEngine', {});
      expect(maxAbsError).toBeLessThan(tolerance);
      if (round === 1) compute.client.restart();
    }
    expect(compute.pid).not.toBe(first);
    if (first) await gone(first);
  });

  it('is given its threads and its environment', async () => {
    const entry = await answering(
      '[process.env.TF_NUM_INTRAOP_THREADS, process.env.OMP_NUM_THREADS, process.env.EXTRA]',
    );
    const { client } = started({ entry, threads: 3, env: { EXTRA: 'yes' } });
    expect(await client.call('verifyEngine', {})).toEqual(['3', '3', 'yes']);
  });

  it('asks for huge pages, beside the tunables that are set and not against them', async () => {
    const entry = await answering('process.env.GLIBC_TUNABLES');
    vi.stubEnv('GLIBC_TUNABLES', undefined);
    onTestFinished(() => void vi.unstubAllEnvs());
    const { client } = started({ entry });
    expect(await client.call('verifyEngine', {})).toContain('glibc.malloc.hugetlb=1');
    expect(hugePages({})).toEqual({ GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' });
    expect(hugePages({ GLIBC_TUNABLES: 'glibc.malloc.arena_max=2' })).toEqual({
      GLIBC_TUNABLES: 'glibc.malloc.arena_max=2:glibc.malloc.hugetlb=1',
    });
    expect(hugePages({ GLIBC_TUNABLES: 'glibc.malloc.hugetlb=0' })).toEqual({});
  });

  it('carries typed arrays both ways', async () => {
    const entry = await entryOf(
      `process.on('message', ({ id, input }) => process.send({ type: 'result', id, value: input.map((x) => 2 * x) }));`,
    );
    const { client } = started({ entry });
    const input = new Float32Array([0.5, -1.25]) as never;
    expect(await client.call('verifyEngine', input)).toEqual(new Float32Array([1, -2.5]));
  });

  it.each([
    ['is killed', 'process.kill(process.pid, "SIGKILL")', /SIGKILL/, { code: null, signal: 'SIGKILL', lastWords: '' }],
    [
      'aborts, as native code does',
      'process.kill(process.pid, "SIGABRT")',
      /SIGABRT/,
      { code: null, signal: 'SIGABRT', lastWords: '' },
    ],
    ['exits', 'process.exit(3)', /code 3\./, { code: 3, signal: null, lastWords: '' }],
    [
      'says why it exits',
      'process.stderr.write("a log line\\nshapes do not match\\n"); process.exit(1)',
      /code 1 after writing "shapes do not match"/,
      { code: 1, signal: null, lastWords: 'shapes do not match' },
    ],
  ])('rejects what is pending when it %s', async (_, source, reason, end) => {
    const compute = started({ entry: await entryOf(`process.on('message', () => { ${source}; });`) });
    const calls = [compute.client.call('verifyEngine', {}), compute.client.call('verifyEngine', {})];
    for (const call of calls) {
      await expect(call).rejects.toMatchObject({ code: 'worker-crashed' });
      await expect(call).rejects.toThrow(reason);
    }
    expect(await compute.exited).toEqual(end);
    await expect(compute.client.call('verifyEngine', {})).rejects.toThrow(reason);
  });

  it('ends when it is killed or closed, even while it computes', async () => {
    const busy = await entryOf(`process.on('message', () => { for (;;); });`);
    for (const end of ['kill', 'close'] as const) {
      const compute = started({ entry: busy });
      const call = compute.client.call('verifyEngine', {});
      if (end === 'kill') compute.kill();
      else compute.client.close();
      await expect(call).rejects.toMatchObject({ code: 'worker-crashed' });
      expect(await compute.exited).toMatchObject({ code: null, signal: 'SIGKILL' });
    }
  });

  // A handler that interrupts a matrix product of oneDNN on its own thread overwrites the heap. On another thread it does not.
  it.skipIf(findTensorflow() === null)('survives signals while TensorFlow computes', async () => {
    const { client, pid } = started({ threads: 1 });
    expect(await client.call('startEngine', { wanted: 'tensorflow' })).toMatchObject({ name: 'tensorflow' });
    const model = new URL('../../public/models/shapes-mmdit', import.meta.url);
    await client.call('openModel', { source: { kind: 'url', url: model.href, name: 'shapes-mmdit' } });
    const calibration = { kind: 'shapes', samples: 64, timesteps: 8, seed: 1 } as const;
    let sent = 0;
    const signalling = setInterval(() => {
      if (process.kill(pid!, 'SIGTERM')) sent++;
    }, 1);
    const report = await client.call('analyse', { calibration }).finally(() => clearInterval(signalling));
    expect(report.blockMs).toHaveLength(16);
    expect(sent).toBeGreaterThan(100);
  });

  it('says that a value cannot be sent, and goes on', async () => {
    const { client } = started({ entry: await answering('1') });
    await expect(client.call('verifyEngine', { call() {} } as never)).rejects.toThrow(/cannot be sent/);
    expect(await client.call('verifyEngine', {})).toBe(1);
  });
});

describe('the parent of a compute process', () => {
  const url = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  /** A parent that starts `entry`, sends it one call, prints its pid once it has answered `progress`, and waits. */
  async function parentOf(entry: URL): Promise<{ parent: ChildProcess; pid: number }> {
    const script = await entryOf(`
      import { register } from ${JSON.stringify(import.meta.resolve('tsx/esm/api'))};
      register();
      const { startComputeProcess } = await import(${url('./node-process.ts')});
      const compute = startComputeProcess({ entry: new URL(${JSON.stringify(entry.href)}) });
      const onProgress = () => console.log(compute.pid);
      await compute.client.call('verifyEngine', {}, { onProgress });`);
    const parent = spawn(process.execPath, [script.pathname], { stdio: ['ignore', 'pipe', 'ignore'] });
    const [printed] = await once(parent.stdout, 'data');
    expect(String(printed)).toMatch(/^\d+\n$/);
    return { parent, pid: Number(printed) };
  }
  const child = (work: string) =>
    entryOf(`
      import { register } from ${JSON.stringify(import.meta.resolve('tsx/esm/api'))};
      register();
      const { endWithParent } = await import(${url('./node-process-parent.ts')});
      endWithParent(Number(process.argv[2]));
      console.log('what a library prints');
      process.on('message', ({ id }) => {
        process.send({ type: 'progress', id, progress: { stage: 'begun', done: 0, total: 1 } }, () => { ${work} });
      });`);

  it.each([
    ['waits', ''],
    ['computes without a pause', 'for (;;);'],
  ])('takes it along when it is killed while the process %s; its own output stays clean', async (_, work) => {
    const { parent, pid } = await parentOf(await child(work));
    parent.kill('SIGKILL');
    await gone(pid);
  });
});
