import { describe, expect, it } from 'vitest';
import { seededRandom } from '@/lib/core/random.ts';
import { AXIS_LEFT, blockAt, blockAxis, centreOf, endOf, labelledBlocks, startOf } from './block-axis.ts';
import { ckaDomain, heatmapLayout, type MatrixCanvas, paintMatrix, rampStep } from './draw-heatmap.ts';
import { spanOf } from './draw-layer-strip.ts';
import { drawProbeRow, probeDomain } from './draw-probe-row.ts';
import { drawTrajectory } from './draw-trajectories.ts';
import { linePath, type Mark, mark, markToXml } from './marks.ts';
import { valueText } from './number-text.ts';
import { colourRamp, PAPER_PALETTE } from './palette.ts';
import { TRAJECTORY_ROWS, trajectoryScales } from './trajectory-scales.ts';
import type { TrajectoryCurves } from './types.ts';

describe('the block axis', () => {
  it('tiles its span with one band per block and finds each block again', () => {
    const axis = blockAxis(60, 700);
    expect(axis.step).toBeGreaterThan(10);
    expect(startOf(axis, 0)).toBe(AXIS_LEFT);
    for (let block = 0; block < 60; block++) {
      expect(blockAt(axis, centreOf(axis, block))).toBe(block);
      expect(endOf(axis, block)).toBeCloseTo(startOf(axis, block + 1), 9);
    }
    expect(blockAt(axis, -50)).toBe(0);
    expect(blockAt(axis, 5000)).toBe(59);
  });
  it('numbers every block where there is room and thins the numbers where there is none', () => {
    expect(labelledBlocks(blockAxis(16, 700))).toHaveLength(16);
    expect(labelledBlocks(blockAxis(60, 700))).toEqual([0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55]);
  });
  it('keeps two touching intervals apart', () => {
    const axis = blockAxis(16, 700);
    const before = spanOf(axis, { first: 2, last: 4 });
    const after = spanOf(axis, { first: 5, last: 6 });
    expect(before.left + before.width).toBeLessThan(after.left);
  });
});

describe('marks', () => {
  it('become XML with names and texts escaped and absent attributes left out', () => {
    const text = mark('text', { x: 1.23456, fill: undefined, title: '"<&' }, 'a < b & c');
    expect(markToXml(text)).toBe('<text x="1.235" title="&quot;&lt;&amp;">a &lt; b &amp; c</text>');
  });
  it('break a line where a value is missing', () => {
    expect(linePath([[0, 1], [2, 3], null, [4, 5]])).toBe('M0 1h0L2 3M4 5h0');
  });
});

describe('numbers', () => {
  it('read n/a for nothing to say, an ellipsis while measuring and a true minus sign', () => {
    expect(valueText(null)).toBe('n/a');
    expect(valueText(undefined)).toBe('…');
    expect(valueText(-0.25, 2)).toBe('−0.25');
    expect(valueText(-0.00001, 2)).toBe('0.00');
    expect(valueText(0.99824)).toBe('0.9982');
  });
});

const tags = (marks: readonly Mark[], tag: string): Mark[] =>
  marks.flatMap((node) => [
    ...(node.tag === tag ? [node] : []),
    ...tags(
      node.children.filter((child) => typeof child !== 'string'),
      tag,
    ),
  ]);

describe('probe rows', () => {
  const axis = blockAxis(4, 400);
  const look = { stream: 'image', top: 0, height: 20, palette: PAPER_PALETTE } as const;
  it('start bars at zero when values are low', () => {
    expect(probeDomain([0.2, 0.9], [0.95, null])).toEqual([0, 1]);
    expect(probeDomain([], [null, undefined])).toEqual([0, 1]);
    const bars = tags(drawProbeRow([0.5, 1, 0.25, 0.75], axis, { ...look, domain: [0, 1] }), 'rect');
    expect(bars.map(({ attributes }) => attributes.height)).toEqual([9, 18, 4.5, 13.5]);
  });
  it('zoom with dots, never with bars, when every value is high', () => {
    const [low] = probeDomain([0.912, 0.99], [0.97]);
    expect(low).toBeGreaterThan(0.5);
    expect(low).toBeLessThan(0.912);
    const marks = drawProbeRow([0.912, 0.99, 0.97, 0.98], axis, { ...look, domain: [low, 1] });
    expect(tags(marks, 'circle')).toHaveLength(4);
    expect(tags(marks, 'rect')).toHaveLength(0);
  });
  it('hatch a block that does not update the stream, and show a pending value as a stub and a negative one as a triangle', () => {
    const marks = drawProbeRow([null, undefined, -0.4, 0.5], axis, { ...look, domain: [0, 1] });
    expect(tags(marks, 'path').map(({ attributes }) => attributes.stroke)).toEqual([
      PAPER_PALETTE.faint,
      PAPER_PALETTE.image,
    ]);
    expect(tags(marks, 'rect').map(({ attributes }) => attributes.height)).toEqual([2, 9]);
  });
});

describe('the heatmap', () => {
  it('paints every value once, on whole pixels that tile the square, and leaves n/a clear', () => {
    const random = seededRandom(5);
    const matrix = Array.from({ length: 7 }, () => Array.from({ length: 7 }, () => random.uniform()));
    const withGap = matrix.map((row, i) => row.map((value, j) => (i === 2 && j === 3 ? null : value)));
    const rects: number[][] = [];
    const canvas: MatrixCanvas = { fillStyle: '', clearRect: () => {}, fillRect: (...rect) => rects.push(rect) };
    const { axis } = heatmapLayout(7, 140);
    paintMatrix(canvas, withGap, axis, 101, [0, 1], 'viridis');
    expect(rects).toHaveLength(48);
    expect(rects.flat().every(Number.isInteger)).toBe(true);
    paintMatrix(canvas, matrix, axis, 101, [0, 1], 'viridis');
    const area = rects.slice(48).reduce((sum, [, , width = 0, height = 0]) => sum + width * height, 0);
    expect(area).toBe(101 * 101);
  });
  it('gives two streams one scale from their off-diagonal values, or all of 0 to 1', () => {
    const image = [
      [1, 0.4],
      [0.4, 1],
    ];
    const text = [
      [1, null],
      [0.8, 1],
    ];
    expect(ckaDomain([image, text, null], 'data')).toEqual([0.4, 0.8]);
    expect(ckaDomain([image, text], 'full')).toEqual([0, 1]);
    expect(ckaDomain([null], 'data')).toEqual([0, 1]);
  });
  it('keeps values beyond the domain at the ends of the ramp, which brightens steadily', () => {
    expect([rampStep(-1, [0.2, 0.9]), rampStep(0.2, [0.2, 0.9]), rampStep(1, [0.2, 0.9])]).toEqual([0, 0, 255]);
    for (const map of ['viridis', 'cividis'] as const) expect(new Set(colourRamp(map)).size).toBeGreaterThan(200);
  });
  it('has square cells', () => {
    const { axis, side } = heatmapLayout(60, 340);
    expect(axis.step * 60).toBeCloseTo(side, 9);
  });
});

describe('trajectories', () => {
  const cka = [
    [1, 0.99, 0.985, 0.9, 0.5],
    [null, 1, 0.99, 0.97, 0.6],
    [null, null, 1, 0.98, 0.7],
    [null, null, null, 1, 0.8],
    [null, null, null, null, 1],
  ];
  const differences = cka.map((row) =>
    row.map((value, k) => {
      const before = row[k - 1] ?? null;
      return value === null || before === null ? null : before - value;
    }),
  );
  const same = <T>(value: T) => ({ mean: value, image: value, text: value });
  const curves: TrajectoryCurves = { cka: same(cka), differences: same(differences), stream: 'mean' };
  const data = { numBlocks: 5, start: 0, selection: [], detected: [], curves };

  it('mark the break between the run and the block that broke it', () => {
    const scales = trajectoryScales(data, 600);
    const xml = drawTrajectory(data, scales, PAPER_PALETTE, 'x').map(markToXml).join('');
    expect(xml).toContain('break after block 2');
    expect(xml).toContain(`x1="${Math.round(endOf(scales.axis, 2) * 1000) / 1000}"`);
  });
  it('say nothing of a break when the run ends with the model', () => {
    const last = { ...data, start: 4 };
    const xml = drawTrajectory(last, trajectoryScales(last, 600), PAPER_PALETTE, 'x').map(markToXml).join('');
    expect(xml).not.toContain('break');
  });
  it('keep one scale for every start, and zoom to the run when asked', () => {
    const all = trajectoryScales(data, 600);
    const other = trajectoryScales({ ...data, start: 3 }, 600);
    expect(other.cka(0.9)).toBe(all.cka(0.9));
    const { top, height } = TRAJECTORY_ROWS.cka;
    expect(all.cka(0.5)).toBeCloseTo(top + height, 6);
    const zoomed = trajectoryScales({ ...data, numBlocks: 5, start: 1, range: 'break' }, 600);
    expect(zoomed.cka(0.6)).toBeGreaterThanOrEqual(top + height);
  });
});
