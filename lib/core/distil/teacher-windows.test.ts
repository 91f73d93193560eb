import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { tinyModel } from '../../testing/tiny-model.ts';
import { openCheckpoint } from '../checkpoint/index.ts';
import { countingReads } from '../checkpoint/testing.ts';
import { openTransformer, type Transformer } from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { roundedToBfloat } from '../tensor/float.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { HeldOut } from './stand-in-errors.ts';
import type { StateCache } from './state-cache.ts';
import { type Boundary, releaseBatch, type SweepSettings, type TeacherBatch, TeacherStates } from './teacher-states.ts';
import { syntheticBatches } from './training-data.ts';

const { config } = goldenQ1();
const batches = syntheticBatches(config, { batch: 2, seed: 3 });
const boundary = { before: 0, after: 1 };
/** Bytes of one state of one batch. */
const inputs = batches.inputs(0);
const STATE = 4 * inputs.batch * (inputs.imageTokens + inputs.textTokens) * config.width;
const BATCHES = 6;

/** A teacher no block of which stays in memory, its file, and how often each block's first matrix was read. */
async function streamed() {
  const { files } = await tinyModel();
  const [path] = Object.keys(files).filter((name) => name.endsWith('.safetensors'));
  const { blob, reads } = countingReads(new Blob([files[path!]!]));
  const checkpoint = await openCheckpoint([{ path: path!, blob }]);
  const transformer = await openTransformer(config, checkpoint, { residentBytes: 0 });
  const readsOf = (block: number) => {
    const { start, end } = checkpoint.tensors.get(`transformer_blocks.${block}.attn.to_q.weight`)!;
    return reads.filter(([from, to]) => from <= start && to >= end).length;
  };
  return { transformer, reads: () => [readsOf(0), readsOf(1)] };
}

/** A cache that outlives who uses it, of `room` bytes; from the `full`th file on the disk is full. */
function cacheOf(room = 2 ** 30, full = Number.POSITIVE_INFINITY) {
  const held = new Map<string, Float32Array>();
  const claims = new Set<string>();
  const cache: StateCache = {
    sizeBytes: room,
    get freeBytes() {
      if (held.size >= full) return 0;
      return room - [...held.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
    },
    load: async (name) => held.get(name) ?? null,
    has: async (name) => held.has(name),
    async store(name, values) {
      if (held.size >= full || values.byteLength > cache.freeBytes) return false;
      held.set(name, values);
      return true;
    },
    async claim(name) {
      if (claims.has(name)) return null;
      claims.add(name);
      return { renew: async () => {}, release: async () => void claims.delete(name) };
    },
  };
  return { held, claims, shared: { cache, keep: [0, 1] } };
}

async function valuesOf(transformer: Transformer, batch: TeacherBatch): Promise<Float32Array[]> {
  const { before, after } = batch;
  const parts = [before.image, before.text, after.image, after.text].map((t) => t!.data<'float32'>());
  const values = (await Promise.all(parts)).map((part) => Float32Array.from(part));
  releaseBatch(transformer, batch);
  return values;
}

async function inOrder(transformer: Transformer, states: TeacherStates, from = 0, around: Boundary = boundary) {
  const all: Float32Array[][] = [];
  for (let i = from; i < BATCHES; i++) all.push(await valuesOf(transformer, await states.at(i, around)));
  return all;
}

/** As they are one batch at a time, without any cache. */
async function oneByOne(): Promise<Float32Array[][]> {
  const transformer = await openTransformer(config, goldenQ1().checkpoint);
  const all = await inOrder(transformer, new TeacherStates(transformer, batches, null));
  transformer.dispose();
  return all;
}

const windowsOf = (size: number): SweepSettings => ({ batches: BATCHES, sweepBytes: size * STATE, dtype: 'f32' });

describePerEngine(['wasm'], 'a teacher that does not stay in memory', () => {
  test('is read once per block and window, and gives the bits of one batch at a time', async () => {
    const { transformer, reads } = await streamed();
    const tensors = tf.memory().numTensors;
    const { shared } = cacheOf();
    const states = new TeacherStates(transformer, batches, shared, windowsOf(3));
    expect(await inOrder(transformer, states)).toEqual(await oneByOne());
    // Two windows of three batches.
    expect(reads()).toEqual([2, 2]);
    await inOrder(transformer, new TeacherStates(transformer, batches, shared, windowsOf(3)));
    expect(reads()).toEqual([2, 2]);
    // The block that was read last.
    const { size } = await transformer
      .readBlock(1)
      .then((block) => ({ size: [...block.entries()].length, _: block.dispose() }));
    expect(tf.memory().numTensors).toBe(tensors + size);
    transformer.dispose();
  });

  test('is read once per window without a cache too, with the states in memory', async () => {
    const { transformer, reads } = await streamed();
    const states = new TeacherStates(transformer, batches, null, windowsOf(9));
    expect(await inOrder(transformer, states)).toEqual(await oneByOne());
    expect(reads()).toEqual([2, 2]);
    transformer.dispose();
  });

  test('is read once in all where the batches of every epoch fit in one window', async () => {
    const { transformer, reads } = await streamed();
    const again = syntheticBatches(config, { batch: 2, seed: 3, distinctBatches: 3 });
    await inOrder(transformer, new TeacherStates(transformer, again, null, windowsOf(9)));
    expect(reads()).toEqual([1, 1]);
    transformer.dispose();
  });

  test('gives the same where the budget on disk is smaller than one window, or the disk is full', async () => {
    const expected = await oneByOne();
    // Of the window of three two batches fit, of what is left none.
    for (const cached of [cacheOf(4 * STATE), cacheOf(STATE), cacheOf(2 ** 30, 3)]) {
      const { transformer } = await streamed();
      const states = new TeacherStates(transformer, batches, cached.shared, windowsOf(3));
      expect(await inOrder(transformer, states)).toEqual(expected);
      expect(cached.claims.size).toBe(0);
      transformer.dispose();
    }
  });

  test('that is cut off in the middle of a window goes on behind the states that are stored', async () => {
    const expected = await oneByOne();
    const { shared, held, claims } = cacheOf();
    const first = await streamed();
    const cut = new AbortController();
    const { store } = shared.cache;
    shared.cache.store = async (name, values) => {
      const kept = await store(name, values);
      // Every batch is behind block 0, the first behind block 1.
      if (name === '0-1') cut.abort();
      return kept;
    };
    const states = new TeacherStates(first.transformer, batches, shared, windowsOf(3));
    await expect(states.at(0, boundary, cut.signal)).rejects.toMatchObject({ code: 'cancelled' });
    expect([...held.keys()]).toEqual(['0-0', '1-0', '2-0', '0-1']);
    expect(claims.size).toBe(0);
    const { transformer, reads } = await streamed();
    const resumed = new TeacherStates(transformer, batches, shared, windowsOf(3));
    expect(await valuesOf(transformer, await resumed.at(0, boundary))).toEqual(expected[0]);
    expect(await valuesOf(transformer, await resumed.at(1, boundary))).toEqual(expected[1]);
    // The first block's states were all there.
    expect(reads()).toEqual([0, 1]);
    expect((await inOrder(transformer, resumed, 2)).length).toBe(BATCHES - 2);
    transformer.dispose();
    first.transformer.dispose();
  });

  test('gives states rounded to bfloat16 where a run asks for it, the same from the cache, from memory and resumed', async () => {
    const expected = (await oneByOne()).map((all) => all.map(roundedToBfloat));
    const settings = { ...windowsOf(3), dtype: 'bf16' } as const;
    const { transformer } = await streamed();
    const { shared, held } = cacheOf();
    expect(await inOrder(transformer, new TeacherStates(transformer, batches, shared, settings))).toEqual(expected);
    // What follows a rounded state is not what follows the state.
    for (const name of ['0-1', '1-1', '2-1']) held.delete(name);
    expect(await inOrder(transformer, new TeacherStates(transformer, batches, shared, settings))).toEqual(expected);
    expect(await inOrder(transformer, new TeacherStates(transformer, batches, null, settings))).toEqual(expected);
    const single = { ...settings, sweepBytes: 1 };
    expect(await inOrder(transformer, new TeacherStates(transformer, batches, null, single))).toEqual(expected);
    transformer.dispose();
  });

  test('is shared by two who train at once: each window is computed by one of them', async () => {
    const { shared } = cacheOf();
    const [one, other] = [await streamed(), await streamed()];
    const both = await Promise.all(
      [one, other].map(({ transformer }) =>
        inOrder(transformer, new TeacherStates(transformer, batches, shared, windowsOf(3))),
      ),
    );
    expect(both[0]).toEqual(both[1]);
    expect(one.reads()[0]! + other.reads()[0]!).toBe(2);
    for (const { transformer } of [one, other]) transformer.dispose();
  });

  test('is read once for all held-out samples, and twice more for the baselines', async () => {
    const { transformer, reads } = await streamed();
    const heldOut = await HeldOut.capture(transformer, batches.heldOut(6), { first: 0, last: 1 });
    expect(reads()).toEqual([1, 1]);
    await heldOut.baselines(batches);
    // The first block alone, the way to the probes, and the first block before them.
    expect(reads()).toEqual([3, 2]);
    heldOut.dispose();
    transformer.dispose();
  });
});
