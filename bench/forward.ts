/**
 * Forward time of the sample model on WASM: 64 samples through 16 blocks, captured as the analysis does, and where the
 * time goes per kernel. `node --import ./scripts/sources.mjs bench/forward.ts [model folder] [--kernels] [--plain]`
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { captureStates, syntheticCalibration } from '../lib/core/capture/index.ts';
import { countFlops } from '../lib/core/model/index.ts';
import { registerFastWasmKernels } from '../lib/core/tensor/index.ts';
import { openSample, SAMPLE_FOLDERS } from './sample-model.ts';

const flags = process.argv.slice(2).filter((a) => a.startsWith('--'));
const folder = process.argv.slice(2).find((a) => !a.startsWith('--')) ?? SAMPLE_FOLDERS[0];
const SAMPLES = 64;
const RUNS = 3;

setWasmPaths(`${dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))}/`);
if (!flags.includes('--plain')) registerFastWasmKernels();
await tf.setBackend('wasm');
await tf.ready();

const transformer = await openSample(folder);
const { config } = transformer;
const calibration = syntheticCalibration(config, { samples: SAMPLES, timesteps: 8, seed: 7 });
const tokens = { image: 64, text: 16 };
const flops = countFlops(config, tokens).total * SAMPLES;

for (let run = 0; run < RUNS; run++) {
  const started = performance.now();
  const cpuBefore = process.cpuUsage();
  let blockMs = 0;
  for await (const block of captureStates(transformer, calibration)) blockMs += block.blockMs;
  const ms = performance.now() - started;
  const cpu = process.cpuUsage(cpuBefore);
  const cpuMs = (cpu.user + cpu.system) / 1000;
  const which = run === 0 ? ' (first run: weights are read and packed)' : '';
  console.log(
    `capture: ${ms.toFixed(0)} ms, ${(flops / ms / 1e6).toFixed(1)} GFLOP/s; blocks alone ${(blockMs * SAMPLES).toFixed(0)} ms; processor time ${cpuMs.toFixed(0)} ms${which}`,
  );
}
for (let run = 0; run < RUNS; run++) {
  const started = performance.now();
  for (const inputs of calibration.batches) await transformer.forward(inputs);
  const ms = performance.now() - started;
  console.log(`forward: ${ms.toFixed(0)} ms, ${(flops / ms / 1e6).toFixed(1)} GFLOP/s`);
}

if (flags.includes('--kernels')) {
  const totals = new Map<string, { ms: number; calls: number }>();
  const inputs = calibration.batches[0];
  if (inputs) {
    const { kernels } = await tf.profile(async () => {
      await transformer.forward(inputs);
      return tf.scalar(0);
    });
    for (const { name, kernelTimeMs } of kernels) {
      const total = totals.get(name) ?? { ms: 0, calls: 0 };
      total.ms += Number(await kernelTimeMs);
      total.calls++;
      totals.set(name, total);
    }
  }
  for (const [name, { ms, calls }] of [...totals].sort((x, y) => y[1].ms - x[1].ms)) {
    console.log(`${name.padEnd(16)} ${String(calls).padStart(5)} calls ${ms.toFixed(1).padStart(8)} ms`);
  }
}
transformer.dispose();
