import { expect, test } from 'vitest';
import { ffnEdit, modulationEdit } from '@/lib/core/edit/index.ts';
import { rankOffers, ranksAmong, whyNoRanks } from './rank-offers.ts';

test('ranks that are chosen are offered beside the usual ones', () => {
  const model = 'sha256:00';
  const found = { model, errors: Array.from({ length: 17 }, (_, rank) => 1 / (rank + 1)), about: '' };
  const damage = { outputError: 0.02, bounds: null, bands: [0.03, 0.01] };
  const measured = { model, inputs: 'x', rank: 4, damage };
  const also = ranksAmong([[modulationEdit({ rank: 10 }, [1, 2]), ffnEdit(0, 'image')], [modulationEdit({ rank: 8 })]]);
  expect(also).toEqual([8, 10]);
  const bands = [0.1, 0.9].map((t) => ({ id: 'late' as const, label: '', timesteps: [t], heldOutSamples: 1 }));
  const offers = rankOffers({ found, measured }, 16, bands, 'x', also);
  expect(
    offers.find(({ edit }) => edit.on === 'modulation' && 'rank' in edit.by && edit.by.rank === 4)?.earlyError,
  ).toBeCloseTo(Math.sqrt(0.1 * 0.03 ** 2 + 0.9 * 0.01 ** 2), 12);
  const ranks = ranksAmong([offers.map(({ edit }) => edit)]);
  expect(ranks).toEqual([1, 2, 3, 4, 6, 8, 10, 12]);
});

test('where no rank is offered, the reason is of what is missing', () => {
  const [model, inputs] = ['sha256:00', 'x'];
  const found = { model, errors: [1, 0.5], about: '' };
  const overflow = { model, inputs, rank: 4, damage: { outputError: null, bounds: null, bands: [] } };
  expect(whyNoRanks({ found: null, measured: null }, model, null)).toMatch(/calibration file/);
  expect(whyNoRanks({ found: null, measured: null }, model, inputs)).toMatch(/Find errors by rank/);
  expect(whyNoRanks({ found, measured: null }, model, inputs)).toMatch(/Measure the output at one rank/);
  expect(whyNoRanks({ found, measured: { ...overflow, inputs: 'y' } }, model, inputs)).toMatch(/Measure the output/);
  expect(whyNoRanks({ found, measured: overflow }, model, inputs)).toBe('the output overflows at rank 4');
});
