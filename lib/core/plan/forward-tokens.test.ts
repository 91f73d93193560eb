import { expect, test } from 'vitest';
import type { CalibrationFacts } from '../report/report.ts';
import { tokensOf, tokensPerSample } from './forward-tokens.ts';

const model = { tokensPerForward: { image: 64, text: 13 } };
const facts = (change: Partial<CalibrationFacts>): CalibrationFacts => ({
  kind: 'file',
  label: 'calibration.safetensors',
  seed: null,
  file: null,
  samples: 4,
  timesteps: [0.5],
  tokens: { image: 1024, text: 40 },
  fitTokens: { image: 768, text: 30 },
  heldOutTokens: { image: 256, text: 10 },
  ...change,
});

test('a forward of a calibration file has all its valid tokens, however many of them an analysis read', () => {
  expect(tokensOf(model, facts({}))).toEqual({ image: 256, text: 10 });
  expect(tokensOf(model, facts({ validTokens: { image: 16_384 } }))).toEqual({ image: 4096, text: 10 });
});

test('without a calibration file a forward has the tokens that the model is quoted for', () => {
  expect(tokensOf(model, null)).toEqual(model.tokensPerForward);
  expect(tokensOf(model, facts({ kind: 'shapes' }))).toEqual(model.tokensPerForward);
});

test('a forward that ran on a sample of any calibration had the tokens of that sample', () => {
  expect(tokensPerSample(facts({ kind: 'synthetic' }))).toEqual({ image: 256, text: 10 });
});
