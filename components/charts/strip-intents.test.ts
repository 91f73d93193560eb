import { describe, expect, it } from 'vitest';
import { activation, edgeLimits, freeRange, isInterval, refusalOf } from './strip-intents.ts';

const chosen = [
  { first: 4, last: 6 },
  { first: 9, last: 11 },
];
const impossible = [{ first: 12, last: 13, reason: 'Block 12 feeds another.' }];

describe('a range drawn on the strip', () => {
  it('runs from the anchor either way, both ends included', () => {
    expect(freeRange(1, 3, [])).toEqual({ first: 1, last: 3 });
    expect(freeRange(3, 1, [])).toEqual({ first: 1, last: 3 });
  });
  it('stops before an impossible block and cannot begin on one', () => {
    expect(freeRange(8, 15, impossible)).toEqual({ first: 8, last: 11 });
    expect(freeRange(15, 0, impossible)).toEqual({ first: 14, last: 15 });
    expect(freeRange(13, 15, impossible)).toBeNull();
  });
  it('of one block is no interval', () => {
    expect(isInterval(freeRange(11, 14, impossible))).toBe(false);
    expect(isInterval(freeRange(10, 14, impossible))).toBe(true);
  });
});

describe('an edge', () => {
  it('keeps at least two blocks and may touch its neighbour, not enter it', () => {
    expect(edgeLimits({ first: 4, last: 6 }, 'first', chosen, 16)).toEqual([0, 5]);
    expect(edgeLimits({ first: 4, last: 6 }, 'last', chosen, 16)).toEqual([5, 8]);
    expect(edgeLimits({ first: 9, last: 11 }, 'first', chosen, 16)).toEqual([7, 10]);
    expect(edgeLimits({ first: 9, last: 11 }, 'last', chosen, 16)).toEqual([10, 15]);
  });
});

describe('activating a block', () => {
  const detected = [
    { first: 0, last: 2 },
    { first: 6, last: 8 },
  ];
  it('adds the marked range before anything else', () => {
    expect(activation(1, { first: 1, last: 2 }, chosen, detected, [])).toEqual({
      kind: 'add',
      interval: { first: 1, last: 2 },
    });
  });
  it('un-chooses the chosen interval there, else chooses the detected one', () => {
    expect(activation(5, null, chosen, detected, [])).toEqual({ kind: 'toggle', interval: { first: 4, last: 6 } });
    expect(activation(1, null, chosen, detected, [])).toEqual({ kind: 'toggle', interval: { first: 0, last: 2 } });
    expect(activation(14, null, chosen, detected, [])).toEqual({ kind: 'none', reason: null });
  });
  it('refuses a detected interval with an impossible block in it, and says why', () => {
    const found = [{ first: 12, last: 14 }];
    expect(activation(14, null, [], found, impossible)).toEqual({ kind: 'none', reason: 'Block 12 feeds another.' });
    expect(refusalOf({ first: 10, last: 11 }, impossible)).toBeNull();
  });
});
