import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { sampleTokens, syntheticCalibration } from '../capture/index.ts';
import { goldenCheckpoint } from '../model/golden-fill.ts';
import { openTransformer, parseModelConfig } from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { startTestEngine } from '../tensor/test-engines.ts';
import { estimateAnalysis } from './estimate.ts';
import { fittingLimits } from './fitting-limits.ts';

/** Of many blocks, so that comparing their states takes more memory than running one. */
const config = parseModelConfig(JSON.stringify({ ...goldenQ1().config.raw, num_layers: 40 }), 'config.json');
const calibration = sampleTokens(syntheticCalibration(config, { samples: 16, timesteps: 4, seed: 5 }), 256);
const PROCESS = 200e6;
const meter = { now: () => PROCESS, peak: () => PROCESS + 1e5 };

beforeAll(() => startTestEngine('wasm'));

async function limits(memoryBytes: number) {
  const transformer = await openTransformer(config, goldenCheckpoint(config), { residentBytes: 0 });
  const before = tf.memory().numTensors;
  const options = { memoryBytes, meter };
  const found = await fittingLimits(transformer, calibration, options).catch((thrown: unknown) => thrown);
  expect(tf.memory().numTensors).toBe(before);
  const analysis = estimateAnalysis(transformer, calibration, { ...options, inFiles: true, blockBytes: 1e6 });
  const estimated = await analysis.then(({ limits: { engineBytes } }) => ({ engineBytes })).catch(({ code }) => code);
  transformer.dispose();
  return { found, estimated };
}

test('are those of an analysis where there is memory for one', async () => {
  const { found, estimated } = await limits(4e9);
  expect(found).toEqual(estimated);
});

test('do not ask for the memory that comparing states would take', async () => {
  const { found, estimated } = await limits(PROCESS + 2e6);
  expect(estimated).toBe('too-large');
  expect(found).toMatchObject({ engineBytes: expect.any(Number) });
});

test('are refused with the least that would do, which does', async () => {
  const refused = (await limits(1e6)).found as { readonly details: { readonly expected?: string } };
  expect(refused).toMatchObject({ code: 'too-large', details: { found: '1 MB allowed' } });
  const least = Number(/at least ([\d.]+) MB/.exec(refused.details.expected ?? '')?.[1]) * 1e6;
  expect((await limits(least)).found).toMatchObject({ engineBytes: expect.any(Number) });
});
