/**
 * Where the processor time of a training step goes on the engine `tensorflow`: inside TensorFlow's library by operation, and in
 * JavaScript (TensorFlow.js, the binding, gradients). Steps make the same calls, so that every call's least time of many steps
 * counts, and the shortest step: a busy machine makes a few of them slow. One thread unless --threads says otherwise.
 *
 * A recorded graph is one call; `--plain` computes by single operations, as a large student does.
 *
 * `node --import ./scripts/sources.mjs bench/step-profile.ts [--size 96] [--steps 40] [--threads 1] [--shapes] [--plain]`
 */
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { startEngine } from './answer-turns.ts';
import { SIZES } from './train-step-sizes.ts';
import { trainingBlock } from './training-block.ts';

const { values: options } = parseArgs({
  options: {
    size: { type: 'string', default: '96' },
    steps: { type: 'string', default: '40' },
    threads: { type: 'string', default: '1' },
    shapes: { type: 'boolean', default: false },
    plain: { type: 'boolean', default: false },
  },
});
const size = SIZES[options.size];
if (!size) throw new Error(`No size ${options.size}; there are ${Object.keys(SIZES).join(', ')}`);
process.env.TF_NUM_INTRAOP_THREADS = options.threads;
process.env.OMP_NUM_THREADS = options.threads;

interface Call {
  readonly operation: string;
  ms: number;
}

type ExecuteOp = (operation: string, ...rest: unknown[]) => readonly { readonly shape: readonly number[] }[];

type RunGraph = (...given: unknown[]) => unknown;

let calls: Call[] = [];

/** Of all threads: a graph runs on one of its own. */
function processorMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Puts a stopwatch around every call of the library; the binding's own properties cannot be replaced. */
function watchLibrary(backend: { binding: { executeOp: ExecuteOp; runSavedModel: RunGraph } }): void {
  const { binding } = backend;
  const watched = Object.fromEntries(
    Object.entries(Object.getOwnPropertyDescriptors(binding)).map(([name, { value }]) => [
      name,
      typeof value === 'function' ? value.bind(binding) : value,
    ]),
  );
  const executeOp: ExecuteOp = (operation, ...rest) => {
    const before = process.cpuUsage();
    const made = binding.executeOp(operation, ...rest);
    const ms = processorMsSince(before);
    const shape = options.shapes ? ` ${made.map((one) => `[${one.shape.join(', ')}]`).join(' ')}` : '';
    calls.push({ operation: `${operation}${shape}`, ms });
    return made;
  };
  const runSavedModel: RunGraph = (...given) => {
    const before = process.cpuUsage();
    const made = binding.runSavedModel(...given);
    calls.push({ operation: 'recorded graph', ms: processorMsSince(before) });
    return made;
  };
  backend.binding = { ...watched, executeOp, runSavedModel };
}

await startEngine('tensorflow');
const block = await trainingBlock(size, !options.plain);
for (let step = 0; step < 3; step++) await block.step();
watchLibrary(tf.backend() as unknown as Parameters<typeof watchLibrary>[0]);

const shortest: Call[] = [];
let [stepMs, processorMs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
for (let step = 0; step < Number(options.steps); step++) {
  calls = [];
  const [startedAt, before] = [performance.now(), process.cpuUsage()];
  await block.step();
  processorMs = Math.min(processorMs, processorMsSince(before));
  stepMs = Math.min(stepMs, performance.now() - startedAt);
  for (const [i, call] of calls.entries()) {
    const known = shortest[i];
    if (known) known.ms = Math.min(known.ms, call.ms);
    else shortest[i] = call;
  }
}

const totals = new Map<string, { calls: number; ms: number }>();
for (const { operation, ms } of shortest) {
  const known = totals.get(operation) ?? { calls: 0, ms: 0 };
  totals.set(operation, { calls: known.calls + 1, ms: known.ms + ms });
}
const inLibrary = shortest.reduce((sum, { ms }) => sum + ms, 0);
const row = (name: string, count: number | '', ms: number) =>
  console.log(`| ${name} | ${count} | ${ms.toFixed(2)} ms |`);
console.log(
  `width ${options.size}: shortest step ${stepMs.toFixed(1)} ms by the clock, ${processorMs.toFixed(1)} ms of processor\n`,
);
console.log('| | calls | time |\n|---|---|---|');
for (const [operation, { calls: count, ms }] of [...totals].sort(([, x], [, y]) => y.ms - x.ms))
  row(operation, count, ms);
row('in the library', shortest.length, inLibrary);
row('rest of the processor’s time: JavaScript and the binding', '', processorMs - inLibrary);
process.exit();
