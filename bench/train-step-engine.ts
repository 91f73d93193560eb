/** The contestant of bench/train-step.ts and bench/gpu.ts that runs this product's training step: `engine size [--kernels]`. */
import * as tf from '@tensorflow/tfjs-core';
import { answerTurns, startEngine } from './answer-turns.ts';
import { SIZES } from './train-step-sizes.ts';
import { trainingBlock } from './training-block.ts';

const PROFILED_STEPS = 9;
const [engine, width, kernels] = process.argv.slice(2);
const size = SIZES[width ?? ''];
if (!size) throw new Error('engine size [--kernels]');
await startEngine(engine);
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

await answerTurns(() => block.step(), kernels ? printKernels : undefined);
