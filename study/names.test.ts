import { expect, it } from 'vitest';
import { compareEdits, ffnEdit, modulationEdit, textStreamEdit } from '../lib/core/edit/index.ts';
import { CALIBRATION, calibrationText } from './calibration.ts';
import { fineTunedName } from './fine-tuned.ts';
import { SETTINGS } from './settings.ts';
import { wholeNumber, wholeNumbers } from './whole-numbers.ts';

const other = calibrationText({ ...CALIBRATION, seed: 8 });

it('a fine-tune is found under the name that earlier versions gave it, which names no calibration', () => {
  const ffn = [5, 8, 9, 10].flatMap((block) => [ffnEdit(block, 'image'), ffnEdit(block, 'text')]);
  const width = [modulationEdit({ rank: 6 }), textStreamEdit({ first: 10, last: 11 }), ...ffn].sort(compareEdits);
  expect(fineTunedName('0-1,5-6 b082b543bccf8073 19a9f9b3016464b7', { ...SETTINGS.fineTune, seed: 0 }, width)).toBe(
    'fine-tuned 0-1,5-6 b082b543bccf8073 19a9f9b3016464b7, narrow m6.f5-image.f5-text.f8-image.f8-text.f9-image.f9-text.t10-11.f10-image.f10-text, train all, steps 1500, batch 16, learningRate 0.001, warmupSteps 50, schedule cosine, beta1 0.9, beta2 0.95, epsilon 1e-8, weightDecay 0.02, clipNorm 1, ema null, seed 0, levels uniform',
  );
  expect(fineTunedName('0-1 ab', { ...SETTINGS.fineTune, seed: 0 }, [])).toMatch(
    /^fine-tuned 0-1 ab, train all, steps /,
  );
});

it('a result that was fitted on other samples has another name', () => {
  expect(calibrationText(CALIBRATION)).toBe('');
  expect(other).toBe(', calibrated on 64 samples at 8 levels of seed 8');
  const named = (calibration: string) => fineTunedName('', SETTINGS.fineTune, [ffnEdit(5, 'image')], calibration);
  expect(named(other)).toContain(`${other}, train`);
  expect(named(other)).not.toBe(named(calibrationText()));
  // Modulations are fitted without samples.
  const shared = [modulationEdit({ rank: 8 })];
  expect(fineTunedName('', SETTINGS.fineTune, shared, other)).toBe(fineTunedName('', SETTINGS.fineTune, shared, ''));
});

it('numbers of the command line are whole and in range, or refused by name', () => {
  const range = { min: 1, max: 15 };
  expect(wholeNumbers('--depths', '2, 4,6', range)).toEqual([2, 4, 6]);
  for (const bad of ['x', '', '2,', '1.5', '0', '16', '-2', '2,x']) {
    expect(() => wholeNumbers('--depths', bad, range)).toThrow(/--depths takes whole numbers, 1 to 15; found/);
  }
  expect(wholeNumber('--compared', '0', { min: 0, max: Number.POSITIVE_INFINITY })).toBe(0);
  expect(() => wholeNumber('--threads', '1,2', range)).toThrow(/--threads takes one whole number/);
});
