/** The contestant of bench/train-step.ts that runs this product's training step on one engine: `engine width [--kernels]`. */
import { createInterface } from 'node:readline';
import * as tf from '@tensorflow/tfjs-core';
import { nodeEngines } from '../lib/compute/engines/node-engines.ts';
import { SIZES } from './train-step-sizes.ts';
import { trainingBlock } from './training-block.ts';

const PROFILED_STEPS = 9;
const [engine, width, kernels] = process.argv.slice(2);
const size = SIZES[width ?? ''];
if (!size || (engine !== 'tensorflow' && engine !== 'wasm' && engine !== 'cpu'))
  throw new Error('engine width [--kernels]');
const report = await nodeEngines().start(engine);
console.error(`${engine}: ${report.device}`);
const block = await trainingBlock(size);

/** Every call's shortest time of several steps, as the steps make the same calls. */
async function printKernels(): Promise<void> {
  const shortest: { name: string; ms: number }[] = [];
  for (let run = 0; run < PROFILED_STEPS; run++) {
    const { kernels: calls } = await tf.profile(async () => {
      await block.step();
      return tf.scalar(0);
    });
    for (const [i, { name, kernelTimeMs }] of calls.entries()) {
      const ms = Number(await kernelTimeMs);
      shortest[i] = { name, ms: Math.min(ms, shortest[i]?.ms ?? ms) };
    }
  }
  const totals = new Map<string, { calls: number; ms: number }>();
  for (const { name, ms } of shortest) {
    const { calls, ms: before } = totals.get(name) ?? { calls: 0, ms: 0 };
    totals.set(name, { calls: calls + 1, ms: before + ms });
  }
  for (const [name, { calls, ms }] of [...totals].sort(([, x], [, y]) => y.ms - x.ms)) {
    console.error(`${name.padEnd(20)} ${String(calls).padStart(5)} calls ${ms.toFixed(2).padStart(8)} ms`);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const times = { wallMs: [] as number[], cpuMs: [] as number[] };
  for (let i = 0; i < Number(line); i++) {
    const startedAt = performance.now();
    const cpuBefore = process.cpuUsage();
    await block.step();
    const { user, system } = process.cpuUsage(cpuBefore);
    times.wallMs.push(performance.now() - startedAt);
    times.cpuMs.push((user + system) / 1000);
  }
  if (kernels) await printKernels();
  console.log(JSON.stringify(times));
}
