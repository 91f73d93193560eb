import { describe, expect, it } from 'vitest';
import { activation, brushed, drawnRange, edgeLimits, isInterval, refusalOf, refusedBeyond } from './strip-intents.ts';

const chosen = [
  { first: 4, last: 6 },
  { first: 9, last: 11 },
];
const depth = { numBlocks: 16 };
const seamed = {
  numBlocks: 16,
  stacks: [
    { first: 0, last: 5 },
    { first: 6, last: 15 },
  ],
};
const impossible = [{ first: 12, last: 13, reason: 'Block 12 feeds another.' }];

describe('a range drawn on the strip', () => {
  it('runs from the anchor either way, both ends included', () => {
    expect(drawnRange(1, 3, [], depth)).toEqual({ range: { first: 1, last: 3 }, refused: null });
    expect(drawnRange(3, 1, [], depth)).toEqual({ range: { first: 1, last: 3 }, refused: null });
  });
  it('stops before an impossible block and cannot begin on one', () => {
    const reason = 'Block 12 feeds another.';
    expect(drawnRange(8, 15, impossible, depth)).toEqual({
      range: { first: 8, last: 11 },
      refused: { first: 12, last: 15, reason },
    });
    expect(drawnRange(15, 0, impossible, depth).range).toEqual({ first: 14, last: 15 });
    expect(drawnRange(13, 15, impossible, depth)).toEqual({ range: null, refused: { first: 13, last: 15, reason } });
  });
  it('ends at a seam, and the blocks beyond are refused with the reason', () => {
    const reason = 'Blocks 5 and 6 are of different stacks: no block of one can stand for a block of the other.';
    expect(drawnRange(3, 9, [], seamed)).toEqual({
      range: { first: 3, last: 5 },
      refused: { first: 6, last: 9, reason },
    });
    expect(drawnRange(9, 3, [], seamed)).toEqual({
      range: { first: 6, last: 9 },
      refused: { first: 3, last: 5, reason },
    });
    expect(isInterval(drawnRange(5, 6, [], seamed).range)).toBe(false);
  });
  it('of one block is no interval', () => {
    expect(isInterval(drawnRange(11, 14, impossible, depth).range)).toBe(false);
    expect(isInterval(drawnRange(10, 14, impossible, depth).range)).toBe(true);
  });
});

describe('a brush over the heatmap', () => {
  const cell = (block: number) => ({ first: block, last: block });
  it('keeps the part in the stack that it began in', () => {
    expect(brushed({ first: 2, last: 4 }, cell(2), seamed)).toEqual({ range: { first: 2, last: 4 }, refused: null });
    const covered = { first: 3, last: 9 };
    expect(brushed(covered, cell(3), seamed).range).toEqual({ first: 3, last: 5 });
    expect(brushed(covered, cell(9), seamed).range).toEqual({ first: 6, last: 9 });
    expect(brushed(covered, cell(9), seamed).refused).toMatchObject({
      reason: expect.stringMatching(/different stacks/),
    });
  });
  it('that begins between two stacks chooses nothing', () => {
    const cell = { first: 3, last: 9 };
    expect(brushed(cell, cell, seamed).range).toBeNull();
  });
});

describe('an edge', () => {
  it('stops at a seam, and says why when it is asked to go on', () => {
    expect(edgeLimits({ first: 3, last: 4 }, 'last', [], seamed)).toEqual([4, 5]);
    expect(edgeLimits({ first: 8, last: 9 }, 'first', [], seamed)).toEqual([6, 8]);
    expect(refusedBeyond({ first: 3, last: 4 }, 'last', 5, seamed)).toBeNull();
    expect(refusedBeyond({ first: 3, last: 4 }, 'last', 7, seamed)).toMatchObject({ first: 6, last: 7 });
    expect(refusedBeyond({ first: 8, last: 9 }, 'first', 4, seamed)).toMatchObject({
      first: 4,
      last: 5,
      reason: expect.stringMatching(/Blocks 5 and 6 are of different stacks/),
    });
    expect(refusedBeyond({ first: 8, last: 9 }, 'last', 16, seamed)).toBeNull();
  });
  it('keeps at least two blocks and may touch its neighbour, not enter it', () => {
    expect(edgeLimits({ first: 4, last: 6 }, 'first', chosen, depth)).toEqual([0, 5]);
    expect(edgeLimits({ first: 4, last: 6 }, 'last', chosen, depth)).toEqual([5, 8]);
    expect(edgeLimits({ first: 9, last: 11 }, 'first', chosen, depth)).toEqual([7, 10]);
    expect(edgeLimits({ first: 9, last: 11 }, 'last', chosen, depth)).toEqual([10, 15]);
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
