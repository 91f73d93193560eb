import { expect, test } from 'vitest';
import { shareText } from './share-text.ts';

test.each([
  [1, '100 %'],
  [0.995, '99.5 %'],
  [0.99, '99 %'],
  [0.5, '50 %'],
  [0.01, '1 %'],
  [0.005, '0.5 %'],
  [0, '0 %'],
])('the share %s is %s: all and none are said of all and none alone', (share, text) => {
  expect(shareText(share)).toBe(text);
});
