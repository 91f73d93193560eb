import { expect, test } from 'vitest';
import { pairText } from './pair-text.ts';

test('two numbers have as many digits as show the gap between them', () => {
  expect(pairText(0.00305, 0.00621)).toEqual(['0.0031', '0.0062']);
  expect(pairText(0.000138, 0.00014)).toEqual(['0.000138', '0.000140']);
  // Four decimals would tell them apart as well, but show a gap of fifty times its size.
  expect(pairText(0.000149, 0.000151)).toEqual(['0.000149', '0.000151']);
  expect(pairText(1.381e-8, 1.402e-8)).toEqual(['1.38e−8', '1.40e−8']);
});

test('negative numbers have a true minus sign, and equal ones the same text', () => {
  expect(pairText(-0.0164, 0.0009)).toEqual(['−0.0164', '0.0009']);
  expect(pairText(0.25, 0.25)).toEqual(['0.2500', '0.2500']);
});
