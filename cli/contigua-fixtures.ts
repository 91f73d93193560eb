/** Runs the terminal's program, as a user does or inside the test's process, for tests alone. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import { run } from './main.ts';

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
 * The same without a process: seconds less, for commands that are refused. One at a time:
 * the folder and the output are the process's own.
 */
export async function contiguaInside(argv: readonly string[], cwd: string): Promise<Ended> {
  const output = { stdout: '', stderr: '' };
  const into =
    (name: keyof typeof output) =>
    (...words: unknown[]) => {
      output[name] += `${words.join(' ')}\n`;
    };
  const before = process.cwd();
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
    process.chdir(before);
  }
}
