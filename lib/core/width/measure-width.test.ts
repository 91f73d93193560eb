import * as tf from '@tensorflow/tfjs-core';
import { expect, onTestFinished, test, vi } from 'vitest';
import { oneHeadModel } from '../../testing/narrower-blocks.ts';
import { damageInputsOf } from '../analysis/index.ts';
import { passBytes, syntheticCalibration } from '../capture/index.ts';
import { ffnEdit, textStreamEdit } from '../edit/index.ts';
import { openTransformer } from '../model/index.ts';
import { memoryStates, type StateStore } from '../states/index.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { measureWidth } from './index.ts';

const { config, checkpoint } = oneHeadModel(5);
const calibration = syntheticCalibration(config, { samples: 24, timesteps: 4, seed: 5 });
const EDITS = [
  textStreamEdit({ first: 1, last: 3 }),
  textStreamEdit({ first: 2, last: 3 }),
  ffnEdit(0, 'image'),
  ffnEdit(3, 'text'),
];

/** Tells what was kept in it. It fails instead of sealing more than `most` pieces. */
function watched(
  store: StateStore = memoryStates(),
  most = Number.POSITIVE_INFINITY,
): StateStore & { readonly created: string[] } {
  const created: string[] = [];
  let sealed = 0;
  return Object.assign(Object.create(store) as StateStore, {
    created,
    create: (key: string, rows: number, width: number) => {
      created.push(key);
      return store.create(key, rows, width);
    },
    async seal(key: string) {
      if (++sealed > most) throw new Error('interrupted');
      await store.seal(key);
    },
  });
}

describePerEngine(['wasm'], 'text groups and feed-forward layers, each alone', () => {
  test('are measured alike where maps and states wait in a store, which is left empty', async () => {
    const transformer = await openTransformer(config, checkpoint);
    const measured = async (options: Parameters<typeof measureWidth>[4]) =>
      await measureWidth(transformer, calibration, damageInputsOf(calibration, []), EDITS, options);
    const inMemory = await measured({});
    expect(inMemory.map(({ outputError }) => outputError ?? 0).every((error) => error > 0)).toBe(true);
    const store = watched();
    expect(await measured({ store, engineBytes: 1000, mapBytes: 2000 })).toEqual(inMemory);
    expect(store.created.some((key) => key.startsWith('lane/'))).toBe(true);
    expect(store.created.some((key) => key.startsWith('map/'))).toBe(true);
    expect(store.usage).toMatchObject({ memoryBytes: 0 });
    const roomy = watched();
    await measured({ store: roomy });
    expect(roomy.created.some((key) => key.startsWith('lane/'))).toBe(false);
    transformer.dispose();
  });

  test.each([
    ['on the engine', {}],
    ['in the store', { engineBytes: 1000 }],
  ])('fit a store that has little more room than the states once, with states %s', async (_, options) => {
    const transformer = await openTransformer(config, checkpoint);
    const inputs = damageInputsOf(calibration, []);
    const expected = await measureWidth(transformer, calibration, inputs, EDITS);
    const states = passBytes(calibration, transformer.architecture.streams, config.width);
    for (const times of [1.7, 2, 4]) {
      const room = times * states;
      const store = watched(memoryStates(room));
      const kept = { store, lasts: true, mapBytes: room / 2, roomBytes: room, ...options };
      expect(await measureWidth(transformer, calibration, inputs, EDITS, kept), `${times}`).toEqual(expected);
      const checkpoints = store.created.filter((key) => key.startsWith('lane/whole-checkpoint'));
      expect(checkpoints.length > 0, `checkpoints with ${times} times the states`).toBe(times >= 4);
    }
    transformer.dispose();
  });

  test.each([
    ['on the engine', {}],
    ['in the store', { engineBytes: 1000 }],
  ])('go on after an interruption with room for the states once, with states %s', async (_, options) => {
    const transformer = await openTransformer(config, checkpoint);
    const inputs = damageInputsOf(calibration, []);
    const measured = async (store: StateStore, roomBytes?: number) =>
      await measureWidth(transformer, calibration, inputs, EDITS, { ...options, store, lasts: true, roomBytes });
    const whole = watched();
    const expected = await measured(whole);
    const room = 1.7 * passBytes(calibration, transformer.architecture.streams, config.width);
    for (const before of [undefined, room]) {
      for (let most = 1; most < whole.created.length; most += 7) {
        const lasting = memoryStates();
        // With fewer pieces it may end before.
        await measured(watched(lasting, most), before).catch(({ message }) => expect(message).toBe('interrupted'));
        expect(await measured(lasting, room), `stopped after ${most} pieces`).toEqual(expected);
        expect(lasting.usage.memoryBytes).toBe(0);
      }
    }
    transformer.dispose();
  });

  test.each([
    ['states on the engine', {}],
    ['states in the store', { engineBytes: 1000 }],
    ['several turns', { engineBytes: 1000, mapBytes: 2000, waysAtOnce: 1 }],
  ])('go on after an interruption at any piece to the same result, with %s', async (_, options) => {
    // Checkpoints of states on the engine are spaced by the time that one takes: with a still clock there is one after every block.
    vi.spyOn(performance, 'now').mockReturnValue(0);
    onTestFinished(() => void vi.restoreAllMocks());
    const transformer = await openTransformer(config, checkpoint);
    const loaded = vi.spyOn(transformer, 'loadBlock');
    const measured = async (store: StateStore) => {
      const inputs = damageInputsOf(calibration, []);
      return await measureWidth(transformer, calibration, inputs, EDITS, { ...options, store, lasts: true });
    };
    const whole = watched();
    const expected = await measured(whole);
    expect(whole.usage.memoryBytes).toBe(0);
    const tensors = tf.memory().numTensors;
    const mapsOf = ({ created }: typeof whole) => created.filter((key) => key.startsWith('map/'));
    const loadedAtOnce = loaded.mock.calls.length;
    for (let most = 0; most < whole.created.length; most += 3) {
      const lasting = memoryStates();
      const stopped = watched(lasting, most);
      await expect(measured(stopped)).rejects.toThrow('interrupted');
      expect(tf.memory().numTensors).toBe(tensors);
      const resumed = watched(lasting);
      loaded.mockClear();
      expect(await measured(resumed), `stopped after ${most} pieces`).toEqual(expected);
      // The map that was being written is fitted again, and no other.
      expect(mapsOf(stopped).length + mapsOf(resumed).length).toBeLessThanOrEqual(mapsOf(whole).length + 1);
      const sealed = stopped.created.slice(0, most);
      const isAhead = sealed.some((key) => key.startsWith('lane/whole-checkpoint'));
      expect(loaded.mock.calls.length < loadedAtOnce, `ahead after ${most} pieces`).toBe(isAhead);
      expect(lasting.usage.memoryBytes).toBe(0);
    }
    transformer.dispose();
  });
});
