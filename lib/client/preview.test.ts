import { describe, expect, it } from 'vitest';
import { isPrunedOf, prunedKey, wholeKey } from './preview.ts';

const whole = wholeKey('sha256:ab', 'a large red circle top left on white', 1);

describe('which pictures belong together', () => {
  it('is decided by model, prompt and seed', () => {
    const pruned = prunedKey(whole, [{ first: 3, last: 5 }], 'removed');
    expect(isPrunedOf(pruned, whole)).toBe(true);
    expect(isPrunedOf(pruned, wholeKey('sha256:ab', 'a large red circle top left on white', 2))).toBe(false);
    expect(isPrunedOf(pruned, wholeKey('sha256:cd', 'a large red circle top left on white', 1))).toBe(false);
  });

  it('tells choices and replacements apart', () => {
    const cut = [{ first: 3, last: 5 }];
    expect(prunedKey(whole, cut, 'removed')).not.toBe(prunedKey(whole, cut, 'probes'));
    expect(prunedKey(whole, cut, 'removed')).not.toBe(prunedKey(whole, [{ first: 3, last: 4 }], 'removed'));
  });
});
