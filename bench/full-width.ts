/**
 * Training steps of one block of a full-width model (Qwen-Image's: width 3072, 340 million weights, 1,024 + 64 tokens), with
 * seeded weights, on this product's engine and in eager PyTorch with diffusers' own block: time of a step and the most
 * memory that the process took. Each takes its turns in a process that is alone in memory, as two do not fit beside each
 * other; every turn starts anew and its first step is not counted.
 *
 * `node --import ./scripts/sources.mjs bench/full-width.ts [--python PATH] [--diffusers SRC] [--engine tensorflow]
 * [--size 3072@1088] [--threads N] [--turns 3] [--steps 2] [--no-pytorch]`
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type Contestant, engineTraining, pytorchTraining } from './contestants.ts';
import { SIZES } from './train-step-sizes.ts';
import { load, shown, spread } from './turns.ts';

const { values: options } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    diffusers: { type: 'string' },
    engine: { type: 'string', default: 'tensorflow' },
    size: { type: 'string', default: '3072@1088' },
    threads: { type: 'string', default: String(availableParallelism()) },
    turns: { type: 'string', default: '3' },
    steps: { type: 'string', default: '2' },
    'no-pytorch': { type: 'boolean', default: false },
  },
});
const size = SIZES[options.size];
if (!size) throw new Error(`No size ${options.size}; there are ${Object.keys(SIZES).join(', ')}`);
const { python, diffusers } = options;
const threads = Number(options.threads);

interface Taken {
  readonly start: () => Contestant;
  readonly wallMs: number[];
  readonly cpuMs: number[];
  readonly peaks: number[];
}
const taking = (start: () => Contestant): Taken => ({ start, wallMs: [], cpuMs: [], peaks: [] });
const all = new Map<string, Taken>();
if (!options['no-pytorch']) {
  all.set(
    'PyTorch',
    taking(() => pytorchTraining({ python, diffusers, threads }, size)),
  );
}
all.set(
  options.engine,
  taking(() => engineTraining(options.engine, options.size, threads)),
);

for (let turn = 0; turn < Number(options.turns); turn++) {
  for (const { start, wallMs, cpuMs, peaks } of all.values()) {
    const contestant = start();
    try {
      await contestant.run(1);
      const times = await contestant.run(Number(options.steps));
      wallMs.push(spread(times.wallMs).median);
      cpuMs.push(spread(times.cpuMs).median);
      peaks.push(contestant.peakBytes() ?? Number.NaN);
    } finally {
      contestant.end();
    }
  }
}

console.log(`${options.size}, ${threads} threads, ${options.turns} turns of ${options.steps} steps; ${load()}\n`);
console.log('| | a step | processor time | most memory |\n|---|---|---|---|');
const inSeconds = (milliseconds: readonly number[]) =>
  shown(
    milliseconds.map((ms) => ms / 1000),
    1,
  );
for (const [name, { wallMs, cpuMs, peaks }] of all) {
  const gigabytes = shown(
    peaks.map((bytes) => bytes / 1e9),
    2,
  );
  console.log(`| ${name} | ${inSeconds(wallMs)} s | ${inSeconds(cpuMs)} s | ${gigabytes} GB |`);
}
const reference = all.get('PyTorch');
const ours = all.get(options.engine);
if (reference && ours) {
  const ratio = (key: 'wallMs' | 'cpuMs' | 'peaks') =>
    shown(
      ours[key].map((value, turn) => value / (reference[key][turn] ?? Number.NaN)),
      2,
    );
  console.log(`| ratio, turn by turn | ${ratio('wallMs')} | ${ratio('cpuMs')} | ${ratio('peaks')} |`);
}
