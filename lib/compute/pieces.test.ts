import { describe, expect, it } from 'vitest';
import { joined } from './joined-pieces.ts';
import { postInPieces } from './pieces.ts';

const matrix = (side: number, value: number) =>
  Array.from({ length: side }, (_, i) => Array.from({ length: side }, (_, j) => (j < i ? null : value + j)));

/** As it arrives, and the sizes of what was sent. */
function crossing(...messages: readonly unknown[]) {
  const sent: unknown[] = [];
  const heard: unknown[] = [];
  const hear = joined((message) => heard.push(message));
  for (const message of messages) postInPieces(message, (one) => sent.push(structuredClone(one)));
  const sizes = sent.map(leavesOf);
  for (const one of sent) hear(one);
  return { sizes, heard };
}

const leavesOf = (value: unknown): number =>
  typeof value === 'object' && value !== null
    ? Object.values(value).reduce((sum: number, one) => sum + leavesOf(one), 0)
    : 1;

describe('a message in pieces', () => {
  it('arrives as it was, and no message is much larger than a piece', () => {
    const stream = (value: number) => ({
      rows: { all: { a: matrix(60, value), b: matrix(60, value + 1), c: [...Array(8)].map((_, i) => matrix(60, i)) } },
      bands: [0, 1, 2].map((band) => ({ band, trajectories: [...Array(7)].map(() => matrix(60, band)) })),
    });
    const message = { id: 3, value: { name: 'report', streams: { image: stream(0), text: stream(9) }, none: null } };
    // As texts, which are compared in a moment.
    const before = JSON.stringify(message);
    const { sizes, heard } = crossing(message);
    expect(heard.map((one) => JSON.stringify(one))).toEqual([before]);
    expect(JSON.stringify(message)).toBe(before);
    expect(sizes.length).toBeGreaterThan(6);
    expect(Math.max(...sizes)).toBeLessThan(2 * 20_000);
  });

  it('goes whole where it is small, and between others', () => {
    const large = { id: 1, value: [matrix(200, 1)] };
    const small = { id: 2, value: [matrix(20, 1), new Float32Array(4), undefined] };
    const { sizes, heard } = crossing(small, large, small);
    expect(heard).toEqual([small, large, small]);
    expect(sizes).toHaveLength(1 + 2 + 1);
  });
});
