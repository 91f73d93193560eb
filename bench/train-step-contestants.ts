/** Processes that do training steps when asked and tell how long each took: this product's engines, and PyTorch. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import type { Size } from './train-step-sizes.ts';
import { TOKENS } from './training-block.ts';

const timesSchema = z.object({ wallMs: z.array(z.number()), cpuMs: z.array(z.number()) });

/** Of each step, milliseconds by the clock and of all the process's threads together. */
export type Times = z.infer<typeof timesSchema>;

export interface Contestant {
  readonly name: string;
  run(steps: number): Promise<Times>;
  end(): void;
}

export function pytorchContestant(
  python: string,
  diffusers: string | undefined,
  size: Size,
  threads: number,
): Contestant {
  const script = fileURLToPath(new URL('../training/bench_train_step.py', import.meta.url));
  const path = [diffusers, process.env.PYTHONPATH].filter(Boolean).join(':');
  const child = spawn(python, [script, JSON.stringify({ ...size, ...TOKENS, threads })], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, PYTHONPATH: path, OMP_NUM_THREADS: String(threads) },
  });
  return contestant('pytorch', child);
}

export function engineContestant(name: string, width: string, threads: number, kernels: boolean): Contestant {
  const child = fork(
    new URL('./train-step-engine.ts', import.meta.url),
    [name, width, ...(kernels ? ['--kernels'] : [])],
    {
      stdio: ['pipe', 'pipe', 'inherit', 'ipc'],
      env: { ...process.env, TF_NUM_INTRAOP_THREADS: String(threads), OMP_NUM_THREADS: String(threads) },
    },
  );
  return contestant(name, child);
}

/** A number of steps on a line, the times as JSON on a line. */
function contestant(name: string, child: ChildProcess): Contestant {
  const { stdin, stdout } = child;
  if (!stdin || !stdout) throw new Error('The contestant has no pipes');
  const answers = createInterface({ input: stdout });
  return {
    name,
    run: (steps) =>
      new Promise((resolve, reject) => {
        const failed = (reason: unknown) => reject(new Error(`${name} ended: ${reason}`));
        child.once('exit', failed);
        child.once('error', failed);
        answers.once('line', (answer) => {
          child.off('exit', failed);
          child.off('error', failed);
          resolve(timesSchema.parse(JSON.parse(answer)));
        });
        stdin.write(`${steps}\n`);
      }),
    end: () => void child.kill(),
  };
}
