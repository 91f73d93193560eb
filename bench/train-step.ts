/**
 * One training step of one Qwen-Image block (forward, gradients of all weights, clipping, AdamW) on this product's
 * engines and in eager PyTorch with diffusers' own block (training/bench_train_step.py), at the sample's width and at two
 * larger ones; then the same steps of one process on all cores and of one process per core, each on an interval of its own,
 * as workers train. All take turns in one run, as a noisy machine is noisy for all of them: what counts are the ratios,
 * and where other work runs beside, those of processor time.
 *
 * `node --import ./scripts/sources.mjs bench/train-step.ts [--python PATH] [--diffusers SRC] [--device cpu] [--no-pytorch] [--engines tensorflow,wasm]
 * [--sizes 96,512,1536] [--threads N] [--turns 9] [--workers] [--kernels]`
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type Contestant, engineTraining, pytorchTraining } from './contestants.ts';
import { CPU_SIZES, SIZES, tokensOf } from './train-step-sizes.ts';
import { among, load, shown, takeTurns } from './turns.ts';

const { values: options } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    diffusers: { type: 'string' },
    device: { type: 'string', default: 'cpu' },
    engines: { type: 'string', default: 'tensorflow,wasm' },
    sizes: { type: 'string', default: CPU_SIZES.join(',') },
    threads: { type: 'string', default: String(availableParallelism()) },
    turns: { type: 'string', default: '9' },
    workers: { type: 'boolean', default: false },
    kernels: { type: 'boolean', default: false },
    'no-pytorch': { type: 'boolean', default: false },
  },
});
const threads = Number(options.threads);
const turns = Number(options.turns);

async function againstPytorch(width: string): Promise<void> {
  const size = SIZES[width];
  if (!size) throw new Error(`No size ${width}; there are ${Object.keys(SIZES).join(', ')}`);
  const engines = options.engines.split(',').filter((name) => size.fitsWasm || name !== 'wasm');
  const reference = options['no-pytorch']
    ? null
    : pytorchTraining({ python: options.python, diffusers: options.diffusers, threads, device: options.device }, size);
  const ours = engines.map((name) => engineTraining(name, width, threads, options.kernels));
  const all = reference ? [reference, ...ours] : ours;
  const taken = await among(all, () => takeTurns(all, { turns, steps: size.steps }));
  const tokens = tokensOf(size);
  console.log(
    `\nd = ${width}, ${size.heads} heads × ${size.headDim}, ${tokens.image} + ${tokens.text} tokens, batch ${size.batch}; ${load()}`,
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
  const alone = engineTraining(name, width, cores);
  const many = Array.from({ length: cores }, () => engineTraining(name, width, 1));
  const together: Contestant = {
    name: `${cores} processes, 1 thread each`,
    async run(steps) {
      const startedAt = performance.now();
      const all = await Promise.all(many.map((worker) => worker.run(steps)));
      // Of the last to finish, shared by the steps of all.
      const wallMs = (performance.now() - startedAt) / (steps * cores);
      return { wallMs: [wallMs], cpuMs: all.flatMap(({ cpuMs }) => cpuMs) };
    },
    peakBytes: () => null,
    end() {
      for (const worker of many) worker.end();
    },
  };
  const both = [alone, together];
  const taken = await among(both, () => takeTurns(both, { turns, steps: 2 * size.steps }));
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
