/**
 * One training step of one Qwen-Image block (forward, gradients of all weights, clipping, AdamW) on this product's
 * engines and in eager PyTorch with diffusers' own block (training/bench_train_step.py), at the sample's width and at two
 * larger ones; then the same steps of one process on all cores and of one process per core, each on an interval of its own,
 * as workers train. All take turns in one run, as a noisy machine is noisy for all of them: what counts are the ratios,
 * and where other work runs beside, those of processor time.
 *
 * `node --import ./scripts/sources.mjs bench/train-step.ts [--python PATH] [--diffusers SRC] [--no-pytorch] [--engines tensorflow,wasm]
 * [--sizes 96,512,1536] [--threads N] [--turns 9] [--workers] [--kernels]`
 */
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { type Contestant, engineContestant, pytorchContestant, type Times } from './train-step-contestants.ts';
import { SIZES } from './train-step-sizes.ts';
import { TOKENS } from './training-block.ts';

const { values: options } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    diffusers: { type: 'string' },
    engines: { type: 'string', default: 'tensorflow,wasm' },
    sizes: { type: 'string', default: Object.keys(SIZES).join(',') },
    threads: { type: 'string', default: String(availableParallelism()) },
    turns: { type: 'string', default: '9' },
    workers: { type: 'boolean', default: false },
    kernels: { type: 'boolean', default: false },
    'no-pytorch': { type: 'boolean', default: false },
  },
});
const threads = Number(options.threads);
const turns = Number(options.turns);

const spread = (values: readonly number[]) => {
  const sorted = values.toSorted((x, y) => x - y);
  const at = (quantile: number) => sorted[Math.round(quantile * (sorted.length - 1))] ?? Number.NaN;
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
};
const shown = (values: readonly number[], digits: number) => {
  const { median, low, high } = spread(values);
  return `${median.toFixed(digits)} [${low.toFixed(digits)}–${high.toFixed(digits)}]`;
};
const load = () => `load ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} cores`;

/** Medians of every turn, by contestant. */
async function takeTurns(contestants: readonly Contestant[], steps: number): Promise<Map<Contestant, Times>> {
  const taken = new Map(
    contestants.map((contestant) => [contestant, { wallMs: [] as number[], cpuMs: [] as number[] }]),
  );
  try {
    // The first steps read weights, fill caches and compile.
    for (const contestant of contestants) await contestant.run(3);
    for (let turn = 0; turn < turns; turn++) {
      for (const [contestant, times] of taken) {
        const { wallMs, cpuMs } = await contestant.run(steps);
        times.wallMs.push(spread(wallMs).median);
        times.cpuMs.push(spread(cpuMs).median);
      }
    }
  } finally {
    for (const contestant of contestants) contestant.end();
  }
  return taken;
}

async function againstPytorch(width: string): Promise<void> {
  const size = SIZES[width];
  if (!size) throw new Error(`No size ${width}; there are ${Object.keys(SIZES).join(', ')}`);
  const engines = options.engines.split(',').filter((name) => size.fitsWasm || name !== 'wasm');
  const reference = options['no-pytorch'] ? null : pytorchContestant(options.python, options.diffusers, size, threads);
  const ours = engines.map((name) => engineContestant(name, width, threads, options.kernels));
  const taken = await takeTurns(reference ? [reference, ...ours] : ours, size.steps);
  console.log(
    `\nd = ${width}, ${size.heads} heads × ${size.headDim}, ${TOKENS.image} + ${TOKENS.text} tokens, batch ${size.batch}; ${load()}`,
  );
  for (const [{ name }, { wallMs, cpuMs }] of taken) {
    const peer = reference && name !== reference.name ? taken.get(reference) : undefined;
    const ratio = peer
      ? shown(
          wallMs.map((ms, i) => ms / (peer.wallMs[i] ?? Number.NaN)),
          2,
        )
      : '';
    const cpuRatio = peer
      ? shown(
          cpuMs.map((ms, i) => ms / (peer.cpuMs[i] ?? Number.NaN)),
          2,
        )
      : '';
    console.log(`  ${name.padEnd(11)} ${shown(wallMs, 1)} ms, processor ${shown(cpuMs, 1)} ms`);
    if (ratio) console.log(`  ${''.padEnd(11)} ${ratio} × PyTorch, processor time ${cpuRatio} ×`);
  }
  if (!size.fitsWasm && options.engines.includes('wasm'))
    console.log('  wasm        not run: it would exceed its 4 GiB');
}

/** Steps per second of all processes together. */
async function workersAgainstThreads(name: string, width: string): Promise<void> {
  const size = SIZES[width];
  if (!size) throw new Error(`No size ${width}`);
  const cores = availableParallelism();
  const alone = engineContestant(name, width, cores, false);
  const many = Array.from({ length: cores }, () => engineContestant(name, width, 1, false));
  const together: Contestant = {
    name: `${cores} processes, 1 thread each`,
    async run(steps) {
      const startedAt = performance.now();
      const all = await Promise.all(many.map((worker) => worker.run(steps)));
      // Of the last to finish, shared by the steps of all.
      const wallMs = (performance.now() - startedAt) / (steps * cores);
      return { wallMs: [wallMs], cpuMs: all.flatMap(({ cpuMs }) => cpuMs) };
    },
    end() {
      for (const worker of many) worker.end();
    },
  };
  const taken = await takeTurns([alone, together], 2 * size.steps);
  console.log(`\n${name}, d = ${width}, batch ${size.batch}: steps per second; ${load()}`);
  for (const [contestant, { wallMs }] of taken) {
    const label = contestant === alone ? `1 process, ${name === 'wasm' ? 1 : cores} threads` : contestant.name;
    console.log(
      `  ${label.padEnd(28)} ${shown(
        wallMs.map((ms) => 1000 / ms),
        2,
      )}`,
    );
  }
  const one = taken.get(alone)?.wallMs ?? [];
  const ratio = taken.get(together)?.wallMs.map((ms, i) => (one[i] ?? Number.NaN) / ms) ?? [];
  console.log(`  ${'ratio'.padEnd(28)} ${shown(ratio, 2)} ×`);
}

console.log(`${threads} threads (wasm: 1). Medians [quartiles] over ${turns} turns of the time of one step.`);
for (const width of options.sizes.split(',')) {
  if (!options.workers) await againstPytorch(width);
  else for (const name of options.engines.split(',')) await workersAgainstThreads(name, width);
}
