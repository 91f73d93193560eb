/** Runs the terminal's program, as a user does or inside the test's process, for tests alone. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, vi } from 'vitest';
import type { ComputeProcess, ComputeProcessOptions } from '../lib/compute/node-process.ts';
import { run } from './main.ts';

/** One compute process for all commands inside the test's process that want the same environment, and not one for each. */
const kept = vi.hoisted(() => new Map<string, ComputeProcess>());
vi.mock('../lib/compute/node-process.ts', async (original) => {
  const { startComputeProcess } = await original<typeof import('../lib/compute/node-process.ts')>();
  return {
    startComputeProcess: (options: ComputeProcessOptions): ComputeProcess => {
      const key = JSON.stringify(options);
      const compute = kept.get(key) ?? startComputeProcess(options);
      kept.set(key, compute);
      // One that crashed fails the command that it served, and no later one.
      void compute.exited.then(() => kept.delete(key));
      const ended = { code: null, signal: null, lastWords: '' };
      return { ...compute, client: { ...compute.client, close() {} }, exited: Promise.resolve(ended) };
    },
  };
});
afterAll(() => {
  for (const { client } of kept.values()) client.close();
});

const BIN = fileURLToPath(new URL('../bin/contigua.mjs', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function spawnContigua(argv: readonly string[], cwd: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...argv], { cwd });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/**
 * The same without a process of its own: seconds less, where the program itself is not the point. One at a time: the
 * folder, the output and the compute process are shared.
 */
export function contiguaInside(argv: readonly string[], cwd: string): Promise<Ended> {
  const ended = before.then(() => runInside(argv, cwd));
  before = ended.catch(() => {});
  return ended;
}

let before: Promise<unknown> = Promise.resolve();

async function runInside(argv: readonly string[], cwd: string): Promise<Ended> {
  const output = { stdout: '', stderr: '' };
  const into =
    (name: keyof typeof output) =>
    (...words: unknown[]) => {
      output[name] += `${words.join(' ')}\n`;
    };
  const former = process.cwd();
  process.chdir(cwd);
  const written = (name: keyof typeof output) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk, ...more) => {
      output[name] += String(chunk);
      const done = more.at(-1);
      if (typeof done === 'function') done();
      return true;
    });
  const spies = [
    vi.spyOn(console, 'log').mockImplementation(into('stdout')),
    vi.spyOn(console, 'error').mockImplementation(into('stderr')),
    written('stdout'),
    written('stderr'),
  ];
  try {
    return { code: await run(argv, new AbortController().signal), ...output };
  } finally {
    for (const spy of spies) spy.mockRestore();
    process.chdir(former);
  }
}
