import { describe, expect, it } from 'vitest';
import type { BlockInterval } from './interval.ts';
import {
  addInterval,
  type IntervalSet,
  intervalAt,
  moveEdge,
  removedCount,
  removeInterval,
  shiftInterval,
  toggleInterval,
  whyNoInterval,
} from './interval-set.ts';
import { parseLayerIndex } from './interval-text.ts';

const BLOCKS = { numBlocks: 16 };
const run = (first: number, last: number): BlockInterval => ({ first, last });

describe('a set of intervals', () => {
  it('removes 25 of 60 blocks with the 13 published intervals of Qwen-Image, leaving 35', () => {
    const published =
      '[[3,4],[5,7],[8,10],[11,12],[15,24],[25,27],[29,30],[42,43],[45,47],[48,49],[52,53],[54,55],[56,57]]';
    const set = parseLayerIndex(published, { numBlocks: 60 }, 'published');
    expect(set).toHaveLength(13);
    expect(removedCount(set)).toBe(25);
    expect(60 - removedCount(set)).toBe(35);
  });

  it.each<[string, BlockInterval, IntervalSet]>([
    ['stands beside others', run(12, 14), [run(2, 4), run(8, 11), run(12, 14)]],
    ['is sorted in', run(5, 6), [run(2, 4), run(5, 6), run(8, 11)]],
    ['replaces those that it covers', run(1, 12), [run(1, 12)]],
    ['shortens those that it meets', run(10, 13), [run(2, 4), run(8, 9), run(10, 13)]],
    ['drops what would be one block', run(4, 9), [run(2, 3), run(4, 9), run(10, 11)]],
    ['drops what would be one block on either side', run(3, 10), [run(3, 10)]],
    ['is taken in either direction', run(14, 12), [run(2, 4), run(8, 11), run(12, 14)]],
    ['is cut to the model', run(13, 99), [run(2, 4), run(8, 11), run(13, 15)]],
  ])('a drawn interval %s', (_, drawn, expected) => {
    expect(addInterval([run(2, 4), run(8, 11)], drawn, BLOCKS)).toEqual(expected);
  });

  it('splits an interval that the drawn one lies inside', () => {
    expect(addInterval([run(3, 10)], run(5, 6), BLOCKS)).toEqual([run(3, 4), run(5, 6), run(7, 10)]);
  });

  it.each([run(5, 5), run(99, 120), run(-4, 0), run(15, 15), run(1.5, 3)])(
    'ignores %o, which is no interval',
    (drawn) => {
      const set = [run(2, 4)];
      expect(addInterval(set, drawn, BLOCKS)).toBe(set);
      expect(whyNoInterval(drawn, BLOCKS)).not.toBeNull();
    },
  );

  it('toggles a chosen interval off and another on', () => {
    expect(toggleInterval([run(2, 4)], run(2, 4), BLOCKS)).toEqual([]);
    expect(toggleInterval([run(2, 4)], run(2, 3), BLOCKS)).toEqual([run(2, 3)]);
    expect(removeInterval([run(2, 4)], run(2, 3))).toEqual([run(2, 4)]);
  });

  it.each<[string, BlockInterval, 'first' | 'last', number, BlockInterval]>([
    ['follows the pointer', run(6, 9), 'last', 10, run(6, 10)],
    ['stops at the next interval', run(6, 9), 'last', 14, run(6, 11)],
    ['stops at the interval before', run(6, 9), 'first', 0, run(5, 9)],
    ['leaves two blocks going right', run(6, 9), 'first', 12, run(8, 9)],
    ['leaves two blocks going left', run(6, 9), 'last', 2, run(6, 7)],
    ['stops at the last block', run(12, 13), 'last', 40, run(12, 15)],
    ['stops at block 0', run(2, 4), 'first', -3, run(0, 4)],
  ])('an edge %s', (_, interval, edge, block, expected) => {
    const set = moveEdge([run(2, 4), run(6, 9), run(12, 13)], interval, edge, block, BLOCKS);
    expect(set).toHaveLength(3);
    expect(set).toContainEqual(expected);
  });

  it('goes on moving an edge of an interval named as it was when the drag began', () => {
    const begun = run(6, 9);
    const once = moveEdge([begun], begun, 'first', 3, BLOCKS);
    expect(moveEdge(once, begun, 'first', 4, BLOCKS)).toEqual([run(4, 9)]);
  });

  it('shifts an interval as far as there is room', () => {
    const set = [run(2, 4), run(6, 9)];
    expect(shiftInterval(set, run(2, 4), 1, BLOCKS)).toEqual([run(3, 5), run(6, 9)]);
    expect(shiftInterval(set, run(2, 4), 7, BLOCKS)).toEqual([run(3, 5), run(6, 9)]);
    expect(shiftInterval(set, run(6, 9), 20, BLOCKS)).toEqual([run(2, 4), run(12, 15)]);
    expect(shiftInterval(set, run(3, 4), 1, BLOCKS)).toBe(set);
  });

  it('finds the interval of a block', () => {
    expect(intervalAt([run(2, 4)], 4)).toEqual(run(2, 4));
    expect(intervalAt([run(2, 4)], 5)).toBeNull();
  });
});

describe('a seam between two stacks', () => {
  const depth = {
    numBlocks: 12,
    stacks: [
      { first: 0, last: 3 },
      { first: 4, last: 11 },
    ],
  };

  it('is crossed by no interval, with the reason', () => {
    expect(whyNoInterval(run(3, 4), depth)).toMatch(/Blocks 3 and 4 are of different stacks/);
    expect(whyNoInterval(run(2, 3), depth)).toBeNull();
    expect(whyNoInterval(run(4, 5), depth)).toBeNull();
  });

  it('ends a drawn interval in the stack that it was begun in', () => {
    expect(addInterval([], run(2, 7), depth)).toEqual([run(2, 3)]);
    expect(addInterval([], run(7, 2), depth)).toEqual([run(4, 7)]);
    expect(addInterval([], run(3, 9), depth)).toEqual([]);
  });

  it('stops edges and moves', () => {
    expect(moveEdge([run(1, 2)], run(1, 2), 'last', 9, depth)).toEqual([run(1, 3)]);
    expect(moveEdge([run(6, 8)], run(6, 8), 'first', 0, depth)).toEqual([run(4, 8)]);
    expect(shiftInterval([run(1, 2)], run(1, 2), 5, depth)).toEqual([run(2, 3)]);
  });
});
