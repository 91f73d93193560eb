import { expect, it } from 'vitest';
import { memoryStates } from '../core/states/index.ts';
import { FittingRoom } from './fitting-room.ts';

/** A store that cannot be cleared where `fails`, and that says whether it is closed. */
function store(fails = false) {
  const states = memoryStates();
  let isClosed = false;
  return {
    ...states,
    get usage() {
      return states.usage;
    },
    get isClosed() {
      return isClosed;
    },
    async clear() {
      if (fails) throw new Error('cannot be cleared');
      await states.clear();
    },
    async dispose() {
      isClosed = true;
      await states.dispose();
    },
  };
}

it('closes the store of a new place that it cannot move to', async () => {
  const room = new FittingRoom();
  const failing = store(true);
  await expect(room.moveTo({ url: 'file:///a/', open: async () => failing })).rejects.toThrow('cannot be cleared');
  expect(failing.isClosed).toBe(true);

  const next = store();
  await room.moveTo({ url: 'file:///a/', open: async () => next });
  expect([room.store, next.isClosed]).toEqual([next, false]);
});

it('closes a new store, and keeps the old one, where the old one cannot be cleared', async () => {
  const room = new FittingRoom();
  const old = { ...store(), clear: async () => {} };
  await room.moveTo({ url: 'file:///a/', open: async () => old });
  old.clear = async () => {
    throw new Error('cannot be cleared');
  };
  const next = store();
  await expect(room.moveTo({ url: 'file:///b/', open: async () => next })).rejects.toThrow('cannot be cleared');
  expect([room.store === old, next.isClosed]).toEqual([true, true]);
});
