import { describe, expect, it } from 'vitest';
import { activation, conflictOf, edgeLimits, freeRange, isInterval } from './strip-intents.ts';

const chosen = [
  { first: 4, last: 6 },
  { first: 9, last: 11 },
];

describe('a range drawn on the strip', () => {
  it('runs from the anchor either way, both ends included', () => {
    expect(freeRange(1, 3, [])).toEqual({ first: 1, last: 3 });
    expect(freeRange(3, 1, [])).toEqual({ first: 1, last: 3 });
  });
  it('stops before a chosen interval instead of overlapping it', () => {
    expect(freeRange(1, 10, chosen)).toEqual({ first: 1, last: 3 });
    expect(freeRange(8, 0, chosen)).toEqual({ first: 7, last: 8 });
  });
  it('cannot begin inside a chosen interval', () => {
    expect(freeRange(5, 8, chosen)).toBeNull();
  });
  it('of one block is no interval', () => {
    expect(isInterval(freeRange(3, 9, chosen))).toBe(false);
    expect(isInterval(freeRange(7, 9, chosen))).toBe(true);
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
  it('refuses a detected interval that overlaps a chosen one, and says which', () => {
    const intent = activation(7, null, chosen, detected, []);
    expect(intent).toEqual({ kind: 'none', reason: 'Overlaps the chosen interval 4 to 6; clear that one first.' });
  });
  it('gives the reason of an impossible block', () => {
    expect(conflictOf({ first: 0, last: 2 }, [], [{ first: 0, last: 0, reason: 'No probe here.' }])).toBe(
      'No probe here.',
    );
    expect(conflictOf({ first: 4, last: 6 }, chosen, [])).toBeNull();
  });
});
