/**
 * One training step of one Qwen-Image block (forward, gradients of all weights, clipping, AdamW) on this product's
 * engines and in eager PyTorch with diffusers' own block (training/bench_train_step.py), at the sample's width and at two
 * larger ones. All take turns in one run on the same processor, as a noisy machine is noisy for all of them: what counts
 * is the ratio. `npx tsx bench/train-step.ts [--python PATH] [--diffusers SRC] [--engines tensorflow,wasm]
 * [--sizes 96,512,1536] [--turns 9] [--kernels]`
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SIZES, type Size } from './train-step-sizes.ts';
import { TOKENS } from './training-block.ts';

/** Somebody who does `steps` training steps when asked and tells how long each took. */
interface Contestant {
  readonly name: string;
  run(steps: number): Promise<number[]>;
  end(): void;
}

function lines(child: ChildProcess, name: string): (line: string) => Promise<number[]> {
  const { stdin, stdout } = child;
  if (!stdin || !stdout) throw new Error('The contestant has no pipes');
  const answers = createInterface({ input: stdout });
  return (line) =>
    new Promise((resolve, reject) => {
      const failed = (code: number | null) => reject(new Error(`${name} ended with code ${code}`));
      child.once('exit', failed);
      answers.once('line', (answer) => {
        child.off('exit', failed);
        const times: unknown = JSON.parse(answer);
        if (!Array.isArray(times)) throw new Error(`${name} answered ${answer}`);
        resolve(times.map(Number));
      });
      stdin.write(`${line}\n`);
    });
}

function pytorch(python: string, diffusers: string | undefined, size: Size, threads: number): Contestant {
  const script = fileURLToPath(new URL('../training/bench_train_step.py', import.meta.url));
  const given = { ...size, ...TOKENS, threads };
  const path = [diffusers, process.env.PYTHONPATH].filter(Boolean).join(':');
  const child = spawn(python, [script, JSON.stringify(given)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, PYTHONPATH: path },
  });
  const ask = lines(child, 'PyTorch');
  return { name: 'pytorch', run: (steps) => ask(String(steps)), end: () => void child.kill() };
}

function engine(name: string, width: string, threads: number, kernels: boolean): Contestant {
  const child = fork(
    new URL('./train-step-engine.ts', import.meta.url),
    [name, width, ...(kernels ? ['--kernels'] : [])],
    {
      stdio: ['pipe', 'pipe', 'inherit', 'ipc'],
      env: { ...process.env, TF_NUM_INTRAOP_THREADS: String(threads), OMP_NUM_THREADS: String(threads) },
    },
  );
  const ask = lines(child, name);
  return { name, run: (steps) => ask(String(steps)), end: () => void child.kill() };
}

const quantile = (sorted: readonly number[], q: number) => sorted[Math.round(q * (sorted.length - 1))] ?? Number.NaN;
const spread = (values: readonly number[]) => {
  const sorted = values.toSorted((x, y) => x - y);
  return [quantile(sorted, 0.5), quantile(sorted, 0.25), quantile(sorted, 0.75)] as const;
};

const { values: options } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    diffusers: { type: 'string' },
    engines: { type: 'string', default: 'tensorflow,wasm' },
    sizes: { type: 'string', default: '96,512,1536' },
    turns: { type: 'string', default: '9' },
    kernels: { type: 'boolean', default: false },
    'no-pytorch': { type: 'boolean', default: false },
  },
});
const threads = availableParallelism();
console.log(`${threads} threads (wasm: 1). Medians [quartiles] of ms per step; ratios are of each turn's medians.`);
for (const width of options.sizes.split(',')) {
  const size = SIZES[width];
  if (!size) throw new Error(`No size ${width}; there are ${Object.keys(SIZES).join(', ')}`);
  const contestants = [
    ...(options['no-pytorch'] ? [] : [pytorch(options.python, options.diffusers, size, threads)]),
    ...options.engines.split(',').map((name) => engine(name, width, threads, options.kernels)),
  ];
  const turns = new Map<string, number[]>(contestants.map(({ name }) => [name, []]));
  try {
    // The first steps read weights, fill caches and compile.
    for (const contestant of contestants) await contestant.run(3);
    for (let turn = 0; turn < Number(options.turns); turn++) {
      for (const contestant of contestants) {
        turns.get(contestant.name)?.push(spread(await contestant.run(size.steps))[0]);
      }
    }
  } finally {
    for (const contestant of contestants) contestant.end();
  }
  const reference = turns.get('pytorch');
  console.log(
    `\nd = ${width}, ${size.heads} heads × ${size.headDim}, ${TOKENS.image} + ${TOKENS.text} tokens, batch ${size.batch}`,
  );
  for (const [name, times] of turns) {
    const [median, low, high] = spread(times);
    const ratio = spread(times.map((ms, i) => ms / (reference?.[i] ?? Number.NaN)));
    const against =
      name === 'pytorch' || !reference
        ? ''
        : `  ${ratio[0].toFixed(2)} × PyTorch [${ratio[1].toFixed(2)}–${ratio[2].toFixed(2)}]`;
    console.log(
      `  ${name.padEnd(11)}${median.toFixed(1).padStart(8)} ms [${low.toFixed(1)}–${high.toFixed(1)}]${against}`,
    );
  }
}
