import { readFile } from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { memoryStates } from '../states/index.ts';
import { startTestEngine } from '../tensor/test-engines.ts';
import { openTrace, type Trace } from '../trace/index.ts';
import { analyseStates } from './analyse.ts';
import { estimateTrace } from './estimate-trace.ts';
import { tracedStates } from './states-source.ts';

const PROCESS = 200e6;
const STATES = 1e6;
const path = new URL('../../testing/traces/flux/trace.safetensors', import.meta.url);

let trace: Trace;
beforeAll(async () => {
  await startTestEngine('wasm');
  trace = await openTrace({ path: 'trace.safetensors', blob: new Blob([await readFile(path)]) });
});

async function estimate(memoryBytes = 4e9, inFiles = true) {
  const before = tf.memory().numTensors;
  const meter = { now: () => PROCESS, peak: () => PROCESS + 1e6 };
  const found = await estimateTrace(tracedStates(trace), { memoryBytes, inFiles, stateBytes: STATES, meter });
  expect(tf.memory().numTensors).toBe(before);
  return found;
}

test('tells what is stored beside the states, which stay where they are, and how often these are read', async () => {
  const store = memoryStates();
  await analyseStates(tracedStates(trace), { store });
  const read: string[] = [];
  const counted: Trace = {
    ...trace,
    checkpoint: {
      ...trace.checkpoint,
      async readFloat32(name, ...range) {
        read.push(name);
        return await trace.checkpoint.readFloat32(name, ...range);
      },
    },
  };
  await analyseStates(tracedStates(counted), { store: memoryStates() });
  const { storedBytes, readBytes, tokens, seconds } = await estimate(4e9, false);
  expect(tokens).toEqual({ image: 96, text: 96 });
  expect(store.usage.memoryBytes / storedBytes).toBeGreaterThan(0.6);
  expect(store.usage.memoryBytes / storedBytes).toBeLessThan(1.25);
  // All rows at once in so small a trace: a state less than there may be.
  const perState = read.length / (2 * (trace.model.blocks.length + 1));
  expect(perState).toBeGreaterThan(3);
  expect(readBytes / STATES).toBeGreaterThanOrEqual(perState);
  for (const part of Object.values(seconds)) expect(part).toBeGreaterThan(0);
});

test('refuses memory that is too little with the least that would do, which does', async () => {
  for (const inFiles of [true, false]) {
    const refused = await estimate(1e6, inFiles).catch((thrown: unknown) => thrown);
    expect(refused).toMatchObject({ code: 'too-large', details: { found: '1 MB allowed' } });
    const { expected = '', hint = '' } = (refused as { details: { expected?: string; hint?: string } }).details;
    expect(hint).toBe('Allow more memory, or analyse fewer tokens.');
    const least = Number(/at least ([\d.]+) MB/.exec(expected)?.[1]) * 1e6;
    expect(least).toBeGreaterThan(PROCESS);
    expect((await estimate(least, inFiles)).memoryBytes).toBeLessThanOrEqual(least * 1.05);
  }
});
