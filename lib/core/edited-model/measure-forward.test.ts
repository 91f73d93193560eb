import { afterEach, expect, it, vi } from 'vitest';
import type { Transformer, TransformerInputs } from '../model/index.ts';
import { measureForward } from './measure-forward.ts';

const INPUTS: TransformerInputs = {
  batch: 1,
  hiddenStates: new Float32Array(1),
  encoderHiddenStates: new Float32Array(1),
  timestep: new Float32Array(1),
  mask: null,
  extra: {},
} as unknown as TransformerInputs;

function counted(): { readonly transformer: Transformer; runs: number } {
  const one = {
    runs: 0,
    transformer: {
      forward: async () => {
        one.runs += 1;
      },
    } as unknown as Transformer,
  };
  return one;
}

afterEach(() => {
  vi.restoreAllMocks();
});

it('runs an edited model in turns with the whole one, and a model without an edit once for both', async () => {
  const [whole, edited] = [counted(), counted()];
  const { signal } = new AbortController();
  const { runs } = await measureForward(whole.transformer, INPUTS, undefined, { signal, edited: edited.transformer });
  // The first run of each is not counted.
  expect([whole.runs, edited.runs]).toEqual([runs + 1, runs + 1]);
  const alone = await measureForward(whole.transformer, INPUTS, undefined, { signal });
  expect(whole.runs).toBe(2 * (runs + 1));
  expect(alone.prunedMs).toBe(alone.wholeMs);
});

it.each([
  ['a second', 1_000, 15],
  ['five seconds', 5_000, 6],
  ['a minute', 60_000, 5],
])('counts fewer runs of a model that takes %s, and says how many', async (_, forwardMs, expected) => {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const slow = () =>
    ({
      forward: async () => {
        now += forwardMs;
      },
    }) as unknown as Transformer;
  const { signal } = new AbortController();
  const told: number[][] = [];
  const onRun = (...counts: number[]) => void told.push(counts);
  const { runs } = await measureForward(slow(), INPUTS, undefined, { signal, onRun, edited: slow() });
  expect(runs).toBe(expected);
  expect(told.at(-1)).toEqual([runs, runs]);
});
