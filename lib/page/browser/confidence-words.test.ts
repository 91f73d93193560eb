import { expect, test } from 'vitest';
import { correlationWords, countedRangeWords, countedWords, shareRangeWords } from './confidence-words.ts';

test('a count stays a count, and its interval is a share', () => {
  expect(countedWords({ held: 326, total: 328 })).toBe('326 of 328');
  expect(countedRangeWords({ held: 326, total: 328 })).toBe('97.8–99.8 %');
  expect(countedRangeWords({ held: 328, total: 328 })).toBe('98.8–100.0 %');
});

test('a range has as many decimals as tell its ends apart', () => {
  expect(shareRangeWords({ low: 0.201, high: 0.452 })).toBe('20–45 %');
  expect(shareRangeWords({ low: 0.1279, high: 0.1562 })).toBe('12.8–15.6 %');
  expect(shareRangeWords({ low: 0.0031, high: 0.004 })).toBe('0.31–0.40 %');
});

test('a correlation is told with its interval, and with a true minus', () => {
  expect(correlationWords({ rho: 0.789, bounds: { low: 0.61, high: 0.9 } })).toBe('0.79 (0.61 to 0.90)');
  expect(correlationWords({ rho: -0.2, bounds: { low: -0.55, high: 0.1 } })).toBe('−0.20 (−0.55 to 0.10)');
  expect(correlationWords({ rho: 1, bounds: null })).toBe('1.00');
});
