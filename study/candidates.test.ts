import { expect, it } from 'vitest';
import { correctedName } from './candidates.ts';

it('remembers corrected scores by what they were measured on, today’s under the name that they have had', () => {
  const today = 'corrected by the best linear map, 128 + 64 samples of seed 23, levels and pictures';
  expect(correctedName({ seed: 23, timesteps: 8 })).toBe(today);
  const names = [
    { seed: 23, timesteps: 4 },
    { seed: 23, timesteps: 16 },
    { seed: 24, timesteps: 8 },
  ].map(correctedName);
  expect(new Set([...names, today]).size).toBe(4);
});
