/** Processes that do what they are timed for when asked, and tell how long each time took: this product's engines, and PyTorch. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { hugePages } from '../lib/compute/node-process.ts';
import { type Size, tokensOf } from './train-step-sizes.ts';

const timesSchema = z.object({
  wallMs: z.array(z.number()),
  cpuMs: z.array(z.number()),
  /** What was computed, for contestants that are compared with each other; null stands for what JSON has no number for. */
  values: z.array(z.number().nullable()).optional(),
});

/** Of each step, milliseconds by the clock and of all the process's threads together. */
export type Times = z.infer<typeof timesSchema>;

export interface Contestant {
  readonly name: string;
  /** `what` chooses among the things that the process can do. */
  run(steps: number, what?: string): Promise<Times>;
  /** The most memory that the process has taken so far, in bytes; null on systems that do not tell. */
  peakBytes(): number | null;
  end(): void;
}

export interface PytorchOptions {
  readonly python: string;
  /** Where diffusers' sources lie, if it is not installed. */
  readonly diffusers: string | undefined;
  readonly threads: number;
  /** `cpu`, or what torch.device understands. */
  readonly device?: string;
}

export function pytorchTraining(options: PytorchOptions, size: Size): Contestant {
  return pytorch(options, 'bench_train_step.py', [JSON.stringify({ ...size, ...tokensOf(size) })]);
}

export function pytorchForward(options: PytorchOptions, folder: string): Contestant {
  return pytorch(options, 'bench_forward.py', [folder]);
}

function pytorch(
  { python, diffusers, threads, device = 'cpu' }: PytorchOptions,
  script: string,
  args: readonly string[],
) {
  const path = fileURLToPath(new URL(`../training/${script}`, import.meta.url));
  const search = [diffusers, process.env.PYTHONPATH].filter(Boolean).join(':');
  const child = spawn(python, [path, ...args, '--device', device, '--threads', String(threads)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PYTHONPATH: search, OMP_NUM_THREADS: String(threads) },
  });
  return contestant(device === 'cpu' ? 'pytorch' : `pytorch ${device}`, child);
}

export function engineTraining(engine: string, size: string, threads: number, kernels = false): Contestant {
  return engineProcess('./train-step-engine.ts', engine, threads, [size, ...(kernels ? ['--kernels'] : [])]);
}

export function engineForward(engine: string, folder: string, threads: number): Contestant {
  return engineProcess('./forward-engine.ts', engine, threads, [folder]);
}

/** The sample's analysis by the sources of a working tree. */
export function analysisOf(engine: string, root: string): Contestant {
  return { ...engineProcess('./sample-analysis-engine.ts', engine, 1, [root]), name: root };
}

function engineProcess(script: string, engine: string, threads: number, args: readonly string[]): Contestant {
  const child = fork(new URL(script, import.meta.url), [engine, ...args], {
    stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
    // As the product starts its compute process.
    env: {
      ...process.env,
      ...hugePages(process.env),
      TF_NUM_INTRAOP_THREADS: String(threads),
      OMP_NUM_THREADS: String(threads),
    },
  });
  return contestant(engine, child);
}

function peakOf(pid: number | undefined): number | null {
  if (pid === undefined || process.platform !== 'linux') return null;
  const kilobytes = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return kilobytes === undefined ? null : 1024 * Number(kilobytes);
}

/** A line asks (`steps`, or `steps what`), and a line of JSON answers. */
function contestant(name: string, child: ChildProcess): Contestant {
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) throw new Error('The contestant has no pipes');
  const answers = createInterface({ input: stdout });
  let lastWords = '';
  createInterface({ input: stderr }).on('line', (line) => {
    if (line.trim()) lastWords = line.trim();
    console.error(line);
  });
  // One that has ended is told by its end, which is awaited with the answer.
  stdin.on('error', () => {});
  const ended = new Promise<never>((_, reject) => {
    child.once('error', (error) => reject(new Error(`${name} did not start: ${error.message}`)));
    child.once('close', (code, signal) => reject(new Error(`${name} ended (${signal ?? code}): ${lastWords}`)));
  });
  // Ending it is not a failure where nobody waits for an answer.
  ended.catch(() => {});
  return {
    name,
    async run(steps, what) {
      const answer = new Promise<string>((resolve) => answers.once('line', resolve));
      stdin.write(`${what === undefined ? steps : `${steps} ${what}`}\n`);
      return timesSchema.parse(JSON.parse(await Promise.race([answer, ended])));
    },
    peakBytes: () => peakOf(child.pid),
    end: () => void child.kill('SIGKILL'),
  };
}
