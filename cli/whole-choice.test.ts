import { expect, it } from 'vitest';
import type { ProbeSource } from '../lib/compute/protocol.ts';
import { type EditSet, ffnEdit, runEdit } from '../lib/core/edit/index.ts';
import type { OpenedModel } from './model-worker.ts';
import { measureChoice } from './whole-choice.ts';

const PROBES: ProbeSource = {
  calibration: { kind: 'synthetic', samples: 6, timesteps: 2, seed: 1 },
  ridge: 1e-3,
  split: 'prompt-groups',
};
const PLACE = { states: { url: 'file:///maps/', sizeBytes: 1e9 } };

it.each<[string, EditSet, boolean]>([
  ['nothing is edited', [], false],
  ['runs are removed', [runEdit({ first: 0, last: 1 }, 'nothing')], false],
  ['a run is replaced by its probes', [runEdit({ first: 0, last: 1 }, 'probes')], true],
  ['a feed-forward layer becomes a map', [ffnEdit(0, 'image')], true],
])('asks where maps wait only if some are fitted: %s', async (_, edits, asks) => {
  const inputs: unknown[] = [];
  const opened = {
    engine: { name: 'wasm' },
    model: { drawable: false },
    client: {
      async call(task: string, input: unknown) {
        if (task === 'choice') inputs.push(input);
        return task === 'choice' ? { outputError: 0.1, bounds: null } : { samples: 1, runs: 1 };
      },
    },
  } as unknown as OpenedModel;
  let asked = 0;
  const fitting = {
    async placeFor() {
      asked += 1;
      return PLACE;
    },
    remove: async () => {},
  };
  const { signal } = new AbortController();
  await measureChoice(opened, null, edits, PROBES, fitting, signal, { show: () => {} });
  expect(asked).toBe(asks ? 1 : 0);
  expect(inputs).toEqual([{ edits, probes: PROBES, ...(asks ? PLACE : {}) }]);
});
