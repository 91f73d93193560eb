import { describe, expect, it } from 'vitest';
import { drawRankCurve, rankAt, rankScales } from './draw-rank-curve.ts';
import { PAPER_PALETTE } from './palette.ts';

/** Halves with each rank; nothing is left from rank 20 on. */
const errors = Array.from({ length: 65 }, (_, rank) => (rank < 20 ? 2 ** -rank : 0));

describe('the curve of error against rank', () => {
  const scales = rankScales(errors, 320);

  it('ends where nothing is left to choose by, and finds the rank under the pointer', () => {
    expect(scales.most).toBe(13);
    for (const rank of [1, 2, 5, 13]) expect(rankAt(scales, scales.x(rank))).toBe(rank);
    expect([rankAt(scales, -50), rankAt(scales, 5000)]).toEqual([1, 13]);
  });

  it('marks the chosen rank, a higher one at the end of the line', () => {
    const chosenAt = (rank: number) =>
      drawRankCurve(errors, scales, { rank, hovered: null }, PAPER_PALETTE).find(
        ({ tag, attributes }) => tag === 'circle' && attributes.fill === PAPER_PALETTE.accent,
      )?.attributes.cx;
    expect(chosenAt(4)).toBeCloseTo(scales.x(4), 6);
    expect(chosenAt(60)).toBeCloseTo(scales.right, 6);
  });
});
