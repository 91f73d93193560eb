/** Commands on models that lie on a server, as people run them. */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openFile } from '../lib/core/checkpoint/index.ts';
import { COMMIT, REPO, type SourceServer, servedBytes, startSourceServer } from '../lib/testing/source-server.ts';
import { tinyModel } from '../lib/testing/tiny-model.ts';
import { contiguaInside } from './contigua-fixtures.ts';

const BIN = fileURLToPath(new URL('../bin/contigua.mjs', import.meta.url));
const ADDRESS = `hf:${REPO}`;

let folder = '';
let server: SourceServer;
let expected: Float32Array;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-remote-'));
  const tiny = await tinyModel();
  expected = tiny.expected;
  await writeFile(join(folder, 'in.safetensors'), tiny.inputs);
  const files = Object.entries(tiny.files).map(([path, bytes]) => [`transformer/${path}`, servedBytes(bytes)] as const);
  server = await startSourceServer(new Map([...files, ['in.safetensors', servedBytes(tiny.inputs)]]));
  vi.stubEnv('HF_ENDPOINT', server.hubUrl);
  vi.stubEnv('HF_TOKEN', '');
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.close();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  server.fault = () => undefined;
  server.asked.length = 0;
});

const inside = (argv: readonly string[]) => contiguaInside(argv, folder);

function contigua(argv: readonly string[], interruptOn?: () => boolean) {
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...argv], { cwd: folder });
    const poll = setInterval(() => interruptOn?.() && child.kill('SIGINT') && clearInterval(poll), 20);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      clearInterval(poll);
      resolve({ code, stdout, stderr });
    });
  });
}

describe('contigua with a remote model', () => {
  it('says which commit it reads, and names the model after its repository', async () => {
    const { code, stdout, stderr } = await contigua(['inspect', ADDRESS]);
    expect(stderr).toContain(`model: ${ADDRESS}@${COMMIT}`);
    expect(stdout).toMatch(/^lab\/model\n/);
    expect(code).toBe(0);
  });

  it('runs it, with inputs from there too, as it runs a local one', async () => {
    const argv = ['forward', ADDRESS, '--inputs', `${ADDRESS}/in.safetensors`, '--out', 'out.safetensors'];
    const { code, stderr } = await inside([...argv, '--engine', 'cpu']);
    expect(stderr).toContain(`inputs: ${ADDRESS}@${COMMIT}/in.safetensors`);
    expect(stderr).toContain('wrote out.safetensors');
    expect(code).toBe(0);
    const out = await openFile({ path: 'out', blob: new Blob([await readFile(join(folder, 'out.safetensors'))]) });
    const sample = await out.readFloat32('sample');
    expect(Math.max(...sample.map((value, i) => Math.abs(value - (expected[i] ?? Number.NaN))))).toBeLessThan(2e-4);
  });

  it('reads a model folder on any web server', async () => {
    const { code, stdout } = await inside(['inspect', `${server.url}/`, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ name: '127.0.0.1', numBlocks: 2 });
    expect(code).toBe(0);
  });

  it('keeps what it read where it is told to', async () => {
    const argv = ['inspect', ADDRESS, '--cache-dir', 'cache', '--cache-gb', '0.01'];
    expect((await inside(argv)).code).toBe(0);
    expect((await readdir(join(folder, 'cache'))).length).toBeGreaterThan(0);
    server.asked.length = 0;
    expect((await inside(argv)).code).toBe(0);
    expect(server.asked.filter(({ path }) => path.includes('/resolve/'))).toEqual([]);
  });

  it.each([
    ['hf:Qwen', 2, /expected hf:OWNER\/NAME/],
    ['hf:lab/other', 1, /hf:lab\/other@main: The hub has no such repository/],
  ])('says what is wrong with %s', async (address, code, message) => {
    const ended = await inside(['inspect', address]);
    expect(ended.stderr).toMatch(message);
    expect(ended.code).toBe(code);
  });

  it('stops at once with Ctrl-C while a server stalls', async () => {
    server.fault = () => ({ stallAfter: -1 });
    const { code, stderr } = await contigua(['inspect', ADDRESS], () => server.asked.length > 0);
    expect(stderr).toContain('Stopped.');
    expect(code).toBe(130);
  });

  it('distils it and exports the run, from the commit that the run began with', async () => {
    const plan = ['plan', ADDRESS, '--intervals', '[[0,1]]', '--by', 'student', '--out', 'plan.json'];
    expect((await inside(plan)).code).toBe(0);
    const settings = ['--data', 'synthetic', '--steps', '2', '--batch', '1', '--engine', 'wasm', '--cache-gb', '0'];
    const distilled = await contigua(['distil', ADDRESS, '--plan', 'plan.json', '--out', 'smaller', ...settings]);
    expect(distilled.stderr).toContain('wrote smaller: 2 → 1 blocks');
    expect(distilled.code).toBe(0);
    const run = /\(run ([^)]+)\)/.exec(distilled.stderr)?.[1] ?? '';
    const again = await inside(['export', run, '--out', 'again']);
    expect(again.stderr).toContain('or the address, that the run was made with');
    expect(again.stderr).toContain(`${ADDRESS}@${COMMIT}`);
    expect(again.code).toBe(1);
    const named = await inside(['export', run, '--out', 'again', '--model', ADDRESS]);
    expect(named.stderr).toContain('wrote again: 2 → 1 blocks');
    expect((await inside(['inspect', 'again'])).stdout).toContain('1, of');
  }, 300_000);
});
