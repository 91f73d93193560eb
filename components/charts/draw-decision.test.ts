import { describe, expect, it } from 'vitest';
import { centreOf } from './block-axis.ts';
import { drawBeyond, drawBreak, drawDecision, endWords } from './draw-decision.ts';
import { drawDifferenceGrid, drawTrajectory } from './draw-trajectories.ts';
import type { Mark } from './marks.ts';
import { PAPER_PALETTE } from './palette.ts';
import { TRAJECTORY_ROWS } from './trajectory-rows.ts';
import { trajectoryScales } from './trajectory-scales.ts';
import type { DifferenceScale, TrajectoryCurves } from './types.ts';

/** Differences of sixty blocks as trained models have them: a run is decided by thousandths, later ones are tenths. */
function curvesOf(blocks: number, first: readonly number[], large = 0.3): TrajectoryCurves {
  const differences = Array.from({ length: blocks }, (_, u) =>
    Array.from({ length: blocks }, (_, k) =>
      k <= u ? null : (first[k - u - 1] ?? (k % 2 === 0 ? large : -large / 2)),
    ),
  );
  const cka = differences.map((row, u) => row.map((_, k) => (k < u ? null : 1 - 0.01 * (k - u))));
  const same = <T>(value: T) => ({ mean: value, image: value });
  return {
    cka: same(cka),
    differences: same(differences),
    streams: [{ id: 'image', label: 'image' }],
    stream: 'mean',
  };
}
const dataOf = (curves: TrajectoryCurves, start = 0, scale: DifferenceScale = 'run') => ({
  numBlocks: curves.cka.mean.length,
  start,
  scale,
  selection: [],
  detected: [],
  curves,
});
const groupsOf = (marks: readonly Mark[]): Mark[] =>
  marks.flatMap((one) => [
    ...(one.tag === 'g' ? [one] : []),
    ...groupsOf(one.children.filter((child) => typeof child !== 'string')),
  ]);
const circles = (marks: readonly Mark[]) => marks.filter(({ tag }) => tag === 'circle');
const texts = (marks: readonly Mark[]) => marks.filter(({ tag }) => tag === 'text').map(({ children }) => children[0]);

describe.each([16, 60])('the decision of %s blocks', (blocks) => {
  const { top, height } = TRAJECTORY_ROWS.difference;

  it.each([
    [0.0031, 0.0062],
    [0.0003, 0.0008],
    [0.000138, 0.00014 + 1e-5],
  ])('between %s and %s is a rise of a fifth of the panel, among differences of tenths', (before, after) => {
    const scales = trajectoryScales(dataOf(curvesOf(blocks, [before, after])), 700);
    expect(scales.difference(before) - scales.difference(after)).toBeGreaterThan(height / 5);
    for (const value of [before, after]) {
      // With room for the number that is written over or under its ring.
      expect(scales.difference(value)).toBeGreaterThan(top + 20);
      expect(scales.difference(value)).toBeLessThan(top + height - 20);
    }
  });

  it('stays readable where the run falls from tenths', () => {
    const data = dataOf(curvesOf(blocks, [0.2, 0.05, 0.0003, 0.0008]));
    const scales = trajectoryScales(data, 700);
    expect(scales.difference(0.0003) - scales.difference(0.0008)).toBeGreaterThan(height / 5);
    // What does not fit is said at the edge that it is beyond.
    const triangles = drawBeyond(data, scales, PAPER_PALETTE).map(({ attributes }) => String(attributes.d));
    expect(triangles.map((d) => d.split('l')[0])).toEqual([1, 2].map((k) => `M${centreOf(scales.axis, k)} ${top}`));
  });

  it('rings the point that decides and the one that it is above, with their values', () => {
    const data = dataOf(curvesOf(blocks, [0.0031, 0.0062]), 4);
    const scales = trajectoryScales(data, 700);
    const marks = drawDecision(data, scales, PAPER_PALETTE);
    expect(circles(marks).map(({ attributes: { cx, cy } }) => [cx, cy])).toEqual([
      [centreOf(scales.axis, 5), scales.difference(0.0031)],
      [centreOf(scales.axis, 6), scales.difference(0.0062)],
    ]);
    expect(texts(marks)).toEqual(['0.0031', '0.0062']);
  });

  it('draws three differences behind the run, faint, and no lines to later ones out of range', () => {
    const data = dataOf(curvesOf(blocks, [0.0031, 0.0062, 0.0061, 0.006, 0.0059, 0.0058]), 4);
    const scales = trajectoryScales(data, 700);
    const lower = groupsOf(drawTrajectory(data, scales, PAPER_PALETTE, 'x')).filter(
      ({ attributes }) => attributes.opacity !== undefined,
    );
    expect(lower).toHaveLength(2);
    const xs = lower.map(({ children }) =>
      children.flatMap((one) => (typeof one === 'string' ? [] : (one.attributes.cx ?? []))),
    );
    expect(xs[1]).toEqual([6, 7, 8, 9].map((k) => centreOf(scales.axis, k)));
  });

  it('keeps its values inside a narrow panel', () => {
    const data = dataOf(curvesOf(blocks, [0.000138, 0.00014]));
    const scales = trajectoryScales(data, 320);
    for (const { attributes } of drawDecision(data, scales, PAPER_PALETTE).filter(({ tag }) => tag === 'text')) {
      const half = attributes['text-anchor'] === 'middle' ? 24 : 0;
      expect(Number(attributes.x) - half).toBeGreaterThanOrEqual(scales.axis.left);
      expect(Number(attributes.x) + half).toBeLessThanOrEqual(scales.axis.end);
    }
  });
});

describe('a run without a break', () => {
  it('has no rings', () => {
    const data = dataOf(curvesOf(3, [0.2, 0.1]));
    expect(drawDecision(data, trajectoryScales(data, 400), PAPER_PALETTE)).toEqual([]);
    expect(endWords(data.curves, 0)).toBe('no break');
  });
});

describe('the share of resamples that break there', () => {
  const curves = { ...curvesOf(16, [0.0031, 0.0062]), found: { resamples: 200, shares: [0.624, null] } };
  const nameOn = (start: number) => {
    const data = dataOf(curves, start);
    return texts(drawBreak(data, trajectoryScales(data, 700), PAPER_PALETTE)).join();
  };

  it('stands at the break and in the words, and nothing does where it was not computed', () => {
    expect(nameOn(0)).toContain('break after block 1 · in 62 % of 200 resamples');
    expect(endWords(curves, 0)).toBe('break after block 1, Δ rises from 0.0031 to 0.0062, in 62 % of 200 resamples');
    for (const start of [1, 2]) expect(nameOn(start)).not.toContain('resamples');
  });
});

describe('all differences on one scale', () => {
  const curves = curvesOf(16, [0.0003, 0.0008]);
  it('show every value, small ones apart, with ticks that keep their distance', () => {
    const data = dataOf(curves, 0, 'all');
    const scales = trajectoryScales(data, 700);
    const { top, height } = TRAJECTORY_ROWS.difference;
    for (const value of curves.differences.mean.flat().filter((one) => one !== null)) {
      expect(scales.difference(value)).toBeGreaterThanOrEqual(top - 1e-9);
      expect(scales.difference(value)).toBeLessThanOrEqual(top + height + 1e-9);
    }
    expect(scales.difference(0.0003) - scales.difference(0.0008)).toBeGreaterThan(4);
    expect(scales.differenceTicks).toContain(0);
    const ys = scales.differenceTicks.map((tick) => scales.difference(tick)).sort((a, b) => a - b);
    for (const [i, y] of ys.slice(1).entries()) expect(y - ys[i]!).toBeGreaterThanOrEqual(15);
    expect(drawDifferenceGrid(scales.axis, scales, PAPER_PALETTE).length).toBeGreaterThan(4);
  });
  it('is that of a reading which cannot tell runs, whichever is asked for', () => {
    const undecided = { ...curves, undecided: true };
    const [run, all] = (['run', 'all'] as const).map((scale) => trajectoryScales(dataOf(undecided, 0, scale), 800));
    expect(run?.differenceTicks).toEqual(all?.differenceTicks);
    const { top, height } = TRAJECTORY_ROWS.difference;
    for (const value of curves.differences.mean?.[0]?.slice(1) ?? []) {
      expect(run!.difference(value ?? 0)).toBeGreaterThanOrEqual(top - 1e-6);
      expect(run!.difference(value ?? 0)).toBeLessThanOrEqual(top + height + 1e-6);
    }
  });

  it('is the same for every start, as the scale of a run is not', () => {
    const at = (start: number, scale: DifferenceScale) =>
      trajectoryScales(dataOf(curves, start, scale), 700).difference(0.1);
    expect(at(0, 'all')).toBe(at(9, 'all'));
  });
});
