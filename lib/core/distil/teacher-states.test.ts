import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { openTransformer, type Transformer } from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import type { StateCache } from './state-cache.ts';
import { releaseBatch, type TeacherBatch, TeacherStates } from './teacher-states.ts';
import { syntheticBatches } from './training-data.ts';

const golden = goldenQ1();
const batches = syntheticBatches(golden.config, { batch: 2, seed: 3 });
const boundary = { before: 0, after: 1 };

/** A cache in memory; `room` bytes at most. */
function memoryCache(room = 2 ** 30) {
  const held = new Map<string, Float32Array>();
  const claims = new Set<string>();
  const free = () => room - [...held.values()].reduce((sum, values) => sum + values.byteLength, 0);
  const cache: StateCache = {
    sizeBytes: room,
    get freeBytes() {
      return free();
    },
    load: async (name) => held.get(name) ?? null,
    has: async (name) => held.has(name),
    store: async (name, values) => values.byteLength <= free() && Boolean(held.set(name, values)),
    claim: async (name) => {
      if (claims.has(name)) return null;
      claims.add(name);
      return {
        renew: async () => {},
        release: async () => {
          claims.delete(name);
        },
      };
    },
  };
  return { cache, held, claims };
}

/** Counts the blocks that run. */
async function counted(): Promise<{ transformer: Transformer; runs: () => number }> {
  const transformer = await openTransformer(golden.config, golden.checkpoint);
  let runs = 0;
  const { runStep } = transformer;
  transformer.runStep = (step, ...rest) => {
    runs += 1;
    return runStep(step, ...rest);
  };
  return { transformer, runs: () => runs };
}

async function valuesOf(transformer: Transformer, batch: TeacherBatch): Promise<Float32Array[]> {
  const { before, after } = batch;
  const values = await Promise.all(
    [before.image, before.text, after.image, after.text].map((t) => t!.data<'float32'>()),
  );
  releaseBatch(transformer, batch);
  return values.map((part) => Float32Array.from(part));
}

describePerEngine(['wasm'], "the teacher's states", () => {
  test('are bit for bit the same with and without a cache, and computed once for all intervals', async () => {
    const { transformer, runs } = await counted();
    const { cache, held } = memoryCache();
    const shared = { cache, keep: [0, 1] };
    const plain = await valuesOf(transformer, await new TeacherStates(transformer, batches, null).at(4, boundary));
    // Weights have been read by now, and stay.
    const before = tf.memory().numTensors;
    const atFirst = runs();
    const first = await valuesOf(transformer, await new TeacherStates(transformer, batches, shared).at(4, boundary));
    expect(runs()).toBe(atFirst + 2);
    const again = await valuesOf(transformer, await new TeacherStates(transformer, batches, shared).at(4, boundary));
    const other = await new TeacherStates(transformer, batches, shared).at(4, { before: -1, after: 0 });
    expect(runs()).toBe(atFirst + 2);
    expect(first).toEqual(plain);
    expect(again).toEqual(plain);
    expect([...held.keys()]).toEqual(['4-0', '4-1']);
    releaseBatch(transformer, other);
    expect(tf.memory().numTensors).toBe(before);
    transformer.dispose();
  });

  test('of a batch that somebody else computes are waited for, with the next batches computed meanwhile', async () => {
    const { transformer } = await counted();
    const { cache, held, claims } = memoryCache();
    const states = new TeacherStates(transformer, batches, { cache, keep: [0, 1] });
    const theirs = await states.at(0, boundary);
    const done = new Map(held);
    held.clear();
    claims.add('0');
    const waiting = states.at(0, boundary);
    while (!held.has('1-1')) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(held.has('0-1')).toBe(false);
    for (const [name, values] of done) held.set(name, values);
    const ours = await waiting;
    expect(await valuesOf(transformer, ours)).toEqual(await valuesOf(transformer, theirs));
    transformer.dispose();
  });

  test('of a batch are computed once for intervals of different blocks, and again where only some are kept', async () => {
    const { transformer, runs } = await counted();
    const { cache, held } = memoryCache();
    const intervals = [
      { before: -1, after: 0 },
      { before: 0, after: 1 },
    ];
    const both = await Promise.all(
      intervals.map((one) => new TeacherStates(transformer, batches, { cache, keep: [0, 1] }).at(0, one)),
    );
    expect(held.size).toBeGreaterThanOrEqual(2);
    const plain = await new TeacherStates(transformer, batches, null).at(0, boundary);
    const atFirst = runs();
    // Another run kept the state after the interval, and not the one before it.
    held.delete('0-0');
    const again = await new TeacherStates(transformer, batches, { cache, keep: [1] }).at(0, boundary);
    expect(runs()).toBe(atFirst + 2);
    expect(await valuesOf(transformer, again)).toEqual(await valuesOf(transformer, plain));
    for (const batch of both) releaseBatch(transformer, batch);
    transformer.dispose();
  });

  test('are computed when needed once the cache is full', async () => {
    const { transformer } = await counted();
    const { cache, held } = memoryCache(0);
    const batch = await new TeacherStates(transformer, batches, { cache, keep: [0, 1] }).at(0, boundary);
    const plain = await new TeacherStates(transformer, batches, null).at(0, boundary);
    expect(held.size).toBe(0);
    expect(await valuesOf(transformer, batch)).toEqual(await valuesOf(transformer, plain));
    transformer.dispose();
  });
});
