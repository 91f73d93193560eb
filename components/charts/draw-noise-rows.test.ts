import { describe, expect, it } from 'vitest';
import { centreOf, startOf } from './block-axis.ts';
import {
  drawNoiseCursor,
  drawNoiseLegend,
  drawNoiseRows,
  type NoiseRowsData,
  noiseDomain,
  noiseLayout,
} from './draw-noise-rows.ts';
import type { Mark } from './marks.ts';
import { NOISE_ROWS_HEIGHT } from './noise-rows-height.ts';
import { PAPER_PALETTE } from './palette.ts';

const rows = (values: readonly (readonly (number | null)[])[]) =>
  values.map((row, i) => ({ id: `row-${i}`, label: `row ${i}`, words: `row ${i}`, values: row }));
const data: NoiseRowsData = {
  rows: rows([
    [null, 0.02, 0.2],
    [null, 0.002, 2],
  ]),
  scale: 'log',
  measure: 'output error without the block',
  text: (value) => (value === null ? 'n/a' : `${value}`),
  colours: 'viridis',
};
const layout = noiseLayout(3, 700, 2);
const cells = (marks: readonly Mark[]) => marks.filter(({ tag }) => tag === 'rect');

describe('rows of noise levels', () => {
  it('take the height that is kept for four of them', () => {
    expect(noiseLayout(16, 900, 4).height).toBe(NOISE_ROWS_HEIGHT);
  });

  it('have a cell per value on the block axis, and hatch what has none', () => {
    const marks = drawNoiseRows(data, layout, PAPER_PALETTE, 'row-1');
    expect(cells(marks).map(({ attributes: { x } }) => x)).toEqual([1, 2, 1, 2].map((k) => startOf(layout.axis, k)));
    expect(marks.filter(({ tag }) => tag === 'path')).toHaveLength(2);
    const names = marks.filter(({ tag }) => tag === 'text');
    expect(names.map(({ attributes }) => attributes['font-weight'])).toEqual([undefined, 700]);
  });

  it('share one colour scale, on which a logarithm tells small values apart', () => {
    expect(noiseDomain(data)).toEqual([0.002, 2]);
    const colours = cells(drawNoiseRows(data, layout, PAPER_PALETTE, '')).map(({ attributes: { fill } }) => fill);
    expect(new Set(colours).size).toBe(4);
    const linear = { ...data, scale: 'linear' as const };
    expect(noiseDomain(linear)).toEqual([0, 2]);
    const flat = cells(drawNoiseRows(linear, layout, PAPER_PALETTE, '')).map(({ attributes: { fill } }) => fill);
    expect(new Set([flat[0], flat[2]]).size).toBeLessThanOrEqual(2);
  });

  it('draw nothing and no NaN of values that are all missing or zero', () => {
    for (const values of [[[null, null, null]], [[0, 0, 0]]]) {
      const empty = { ...data, rows: rows(values) };
      const marks = [
        ...drawNoiseRows(empty, layout, PAPER_PALETTE, ''),
        ...drawNoiseLegend(empty, layout, PAPER_PALETTE),
      ];
      expect(JSON.stringify(marks)).not.toContain('null,"y"');
      for (const { attributes } of marks) expect(Object.values(attributes)).not.toContain(Number.NaN);
    }
  });

  it('mark the cell of the cursor, or the block in every row', () => {
    const [, one] = drawNoiseCursor(layout, 2, 1);
    expect(Number(one?.attributes.x) + layout.axis.step / 2).toBeCloseTo(centreOf(layout.axis, 2), 9);
    expect(one?.attributes.y).toBe(layout.tops[1]);
    const [, column] = drawNoiseCursor(layout, 2, null);
    expect(column?.attributes.height).toBe(layout.bottom);
    expect(drawNoiseCursor(layout, null, 1)).toEqual([]);
  });

  it('have a legend whose words give way where there is no room', () => {
    const words = (width: number) =>
      drawNoiseLegend(data, noiseLayout(3, width, 2), PAPER_PALETTE).flatMap(({ children }) => children);
    expect(words(700)).toContain(data.measure);
    expect(words(340)).not.toContain(data.measure);
    expect(words(340)).toContain('2, log scale');
  });
});
