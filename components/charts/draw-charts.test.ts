import { describe, expect, it } from 'vitest';
import { seededRandom } from '@/lib/core/random.ts';
import {
  AXIS_LEFT,
  blockAt,
  blockAxis,
  centreOf,
  endOf,
  labelledBlocks,
  placeInStack,
  seamAt,
  startOf,
} from './block-axis.ts';
import {
  ckaDomain,
  drawHeatmapFrame,
  drawMissingCells,
  drawRefusedSquare,
  heatmapLayout,
  type MatrixCanvas,
  paintMatrix,
  rampStep,
} from './draw-heatmap.ts';
import { drawLayerStrip, spanOf } from './draw-layer-strip.ts';
import { drawProbeRow, probeDomain } from './draw-probe-row.ts';
import { drawSeams, drawStackNames } from './draw-seams.ts';
import { drawTraits } from './draw-traits.ts';
import { drawTrajectory, drawTrajectoryLabels } from './draw-trajectories.ts';
import { linePath, type Mark, mark, markToXml } from './marks.ts';
import { differenceText, similarityText, valueText } from './number-text.ts';
import { colourRamp, PAPER_PALETTE, streamLook } from './palette.ts';
import { handlePlace } from './strip-handle-place.ts';
import { stripNumbers } from './strip-numbers.ts';
import { runEnd } from './trajectory-curves.ts';
import { TRAJECTORY_ROWS } from './trajectory-rows.ts';
import { trajectoryScales } from './trajectory-scales.ts';
import type { TrajectoryCurves } from './types.ts';

const STREAMS = [
  { id: 'image', label: 'image' },
  { id: 'text', label: 'text' },
];
const TWO_STACKS = [
  { label: 'dual-stream blocks', first: 0, last: 18 },
  { label: 'single-stream blocks', first: 19, last: 56 },
];

describe('brackets of detected intervals', () => {
  it('are the fainter the fewer resamples find them, and full where none were drawn', () => {
    const detected = [
      { first: 0, last: 1 },
      { first: 2, last: 5 },
    ];
    const shared = { numBlocks: 6, streams: [], selection: [], detected, probeR2: null };
    const opacities = (foundIn?: (interval: { first: number }) => number | null) =>
      drawLayerStrip({ ...shared, foundIn }, 700, [0, 1], PAPER_PALETTE)
        .filter(({ attributes }) => attributes.stroke === PAPER_PALETTE.detected)
        .map(({ attributes }) => attributes['stroke-opacity']);
    const [sure, unsure] = opacities(({ first }) => (first === 0 ? 1 : 0.2)) as number[];
    expect(sure).toBe(1);
    expect(unsure).toBeLessThan(0.6);
    expect(unsure).toBeGreaterThan(0.4);
    expect(opacities(() => null)).toEqual([1, 1]);
  });
});

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
  it('leaves a gap between two stacks, in which the nearer block is found', () => {
    const axis = blockAxis(57, 700, { stacks: TWO_STACKS });
    expect(axis.seams).toEqual([19]);
    expect(startOf(axis, 19) - endOf(axis, 18)).toBeCloseTo(axis.gap, 9);
    expect(endOf(axis, 56)).toBeCloseTo(axis.end, 9);
    for (let block = 0; block < 57; block++) expect(blockAt(axis, centreOf(axis, block))).toBe(block);
    expect(blockAt(axis, seamAt(axis, 19) - 1)).toBe(18);
    expect(blockAt(axis, seamAt(axis, 19) + 1)).toBe(19);
    expect(blockAxis(57, 700, { stacks: [{ label: 'blocks', first: 0, last: 56 }] }).seams).toEqual([]);
  });
  it('numbers the first block of every stack, whatever the stride, and says where a block is in its own', () => {
    const axis = blockAxis(57, 560, { stacks: TWO_STACKS });
    expect(labelledBlocks(axis)).toEqual([0, 5, 10, 15, 19, 25, 30, 35, 40, 45, 50, 55]);
    expect(placeInStack(axis, 23)).toBe('block 4 of the single-stream blocks');
    expect(placeInStack(blockAxis(57, 560), 23)).toBeNull();
  });
  it('takes any number of stacks', () => {
    const stacks = [0, 4, 8].map((first) => ({ label: 'stack', first, last: first + 3 }));
    const axis = blockAxis(12, 500, { stacks });
    expect(axis.seams).toEqual([4, 8]);
    for (let block = 0; block < 12; block++) expect(blockAt(axis, centreOf(axis, block))).toBe(block);
    expect(drawSeams(axis, 0, 10, PAPER_PALETTE)).toHaveLength(2);
    expect(drawStackNames(axis, 0, PAPER_PALETTE)).toHaveLength(3);
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
  it('so near one that four decimals are alike are told apart by what is missing', () => {
    expect(similarityText(0.9994)).toBe('0.9994');
    expect(similarityText(0.99979)).toBe('1 − 2.1e−4');
    expect(similarityText(0.999998)).toBe('1 − 2e−6');
    expect([similarityText(1), similarityText(1 + 1e-12), similarityText(null)]).toEqual(['1.0000', '1.0000', 'n/a']);
    expect(differenceText(0.0312)).toBe('0.0312');
    expect(differenceText(-0.00021)).toBe('−2.1e−4');
    expect(differenceText(0)).toBe('0.0000');
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
  const look = { name: 'image', look: streamLook(0), top: 0, height: 20, palette: PAPER_PALETTE };
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
  it('tell streams apart by shape as well as by colour, in the order in which a model declares them', () => {
    const shapes = [0, 1, 2, 3].map((index) => {
      const marks = drawProbeRow([0.9], blockAxis(1, 400), { ...look, look: streamLook(index), domain: [0.8, 1] });
      const { tag, attributes } = marks.at(-1)!;
      return `${tag} ${tag === 'path' ? String(attributes.d).replace(/[\d.-]+/g, 'n') : ''} ${attributes.fill}`;
    });
    expect(new Set(shapes.map((shape) => shape.replace(/#\w+$/, ''))).size).toBe(4);
    expect(new Set(shapes.map((shape) => shape.slice(-7)))).toEqual(new Set(PAPER_PALETTE.streams));
    expect(new Set([0, 1, 2, 3].map((index) => streamLook(index).dash)).size).toBe(4);
  });
  it('hatch a block that does not update the stream, and show a pending value as a stub and a negative one as a triangle', () => {
    const marks = drawProbeRow([null, undefined, -0.4, 0.5], axis, { ...look, domain: [0, 1] });
    expect(tags(marks, 'path').map(({ attributes }) => attributes.stroke)).toEqual([
      PAPER_PALETTE.faint,
      PAPER_PALETTE.streams[0],
    ]);
    expect(tags(marks, 'rect').map(({ attributes }) => attributes.height)).toEqual([2, 9]);
  });
});

describe('marks of traits', () => {
  const traits = [
    { id: 'dual', label: 'dual attention', about: '' },
    { id: 'silent', label: 'no text output', about: '' },
  ];
  const blocks = Array.from({ length: 24 }, (_, i) => ({
    traits: [...(i < 13 ? ['dual'] : []), ...(i === 23 ? ['silent'] : [])],
  }));
  const pathsAt = (width: number, stacks?: typeof TWO_STACKS) =>
    drawTraits(blockAxis(24, width, { stacks }), traits, blocks, 0, PAPER_PALETTE).map(({ attributes }) =>
      String(attributes.d),
    );

  it('are one line for each run of blocks, of another shape for each trait', () => {
    const [dual = '', silent = '', ...more] = pathsAt(700);
    expect(more).toEqual([]);
    const axis = blockAxis(24, 700);
    const numbers = dual.split(/[^\d.]+/).map(Number);
    expect(Math.max(...numbers)).toBeCloseTo(endOf(axis, 12) - 1, 6);
    expect(dual.match(/H/g)).toHaveLength(2);
    expect(silent).toMatch(/^M[\d.]+ 3H[\d.]+M[\d.]+ 0V6$/);
  });
  it('keep to the blocks at any width, and end at a seam', () => {
    expect(pathsAt(390)).toHaveLength(2);
    const cut = [
      { label: 'a', first: 0, last: 5 },
      { label: 'b', first: 6, last: 23 },
    ];
    expect(pathsAt(390, cut)).toHaveLength(3);
  });
  it('are none where all blocks are alike', () => {
    expect(drawTraits(blockAxis(24, 700), [], blocks, 0, PAPER_PALETTE)).toEqual([]);
  });
});

describe('the strip of sixty blocks', () => {
  const axis = blockAxis(60, 590);
  const chosen = [
    { first: 3, last: 4 },
    { first: 5, last: 6 },
    { first: 43, last: 44 },
    { first: 48, last: 55 },
  ];
  it('numbers the ends of every chosen interval, one above the other where they cannot stand side by side', () => {
    const numbers = stripNumbers(axis, chosen);
    for (const { first, last } of chosen) {
      for (const block of [first, last])
        expect(numbers.some((number) => number.block === block && number.chosen)).toBe(true);
    }
    expect(numbers.filter(({ block }) => block === 43 || block === 44).map(({ row }) => row)).toEqual([
      'upper',
      'lower',
    ]);
    expect(numbers.find(({ block }) => block === 48)?.row).toBe('middle');
  });
  it.each([null, 0, 4, 44, 45, 50])('shows the number of hovered block %s, and no two numbers collide', (block) => {
    const numbers = stripNumbers(axis, chosen, { block, other: null });
    if (block !== null) expect(numbers.find((number) => number.block === block)?.lit).toBe(true);
    for (const [i, a] of numbers.entries()) {
      for (const b of numbers.slice(i + 1)) {
        const sameRow = a.row === b.row || a.row === 'middle' || b.row === 'middle';
        if (sameRow) expect(Math.abs(a.x - b.x)).toBeGreaterThanOrEqual(14);
      }
    }
  });
  it('has handles of at least 8 px that leave the middle of a span free and do not overlap', () => {
    const places = chosen.flatMap((interval) =>
      (['first', 'last'] as const).map((edge) => ({ ...handlePlace(axis, interval, edge, chosen), edge, interval })),
    );
    for (const { width } of places) expect(width).toBeGreaterThanOrEqual(8);
    for (const [i, a] of places.entries()) {
      for (const b of places.slice(i + 1)) {
        expect(Math.min(a.left + a.width, b.left + b.width) - Math.max(a.left, b.left)).toBeLessThanOrEqual(1e-9);
      }
    }
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
  it('hatches what has no value, and leaves the gap between two stacks clear', () => {
    const matrix = Array.from({ length: 4 }, (_, i) =>
      Array.from({ length: 4 }, (_, j) => (i === 3 || j === 3 ? null : 0.9)),
    );
    const stacks = [
      { label: 'dual-stream blocks', first: 0, last: 1 },
      { label: 'single-stream blocks', first: 2, last: 3 },
    ];
    const layout = heatmapLayout(4, 200, stacks);
    const { axis } = layout;
    const xs: number[] = [];
    const canvas: MatrixCanvas = {
      fillStyle: '',
      clearRect: () => {},
      fillRect: (x, _y, width) => xs.push(x, x + width),
    };
    paintMatrix(canvas, matrix, axis, layout.side, [0, 1], 'viridis');
    const gap = [endOf(axis, 1) - axis.left, startOf(axis, 2) - axis.left] as const;
    expect(gap[1] - gap[0]).toBeGreaterThan(3);
    expect(xs.every((x) => x <= gap[0] + 0.5 || x >= gap[1] - 0.5)).toBe(true);
    const [hatching] = drawMissingCells(matrix, layout, PAPER_PALETTE);
    expect(hatching?.attributes.d).toMatch(/^M/);
    expect(
      drawMissingCells(
        matrix.map((row) => row.map(() => 1)),
        layout,
        PAPER_PALETTE,
      ),
    ).toEqual([]);
    const names = drawHeatmapFrame(layout, [0, 1], 'viridis', PAPER_PALETTE, 'ramp').flatMap(
      ({ children }) => children,
    );
    expect(names).toContain('dual-stream');
  });
  it('says in its legend what is missing to one when all values are near it', () => {
    const layout = heatmapLayout(4, 340);
    const words = drawHeatmapFrame(layout, [0.99979, 0.999998], 'viridis', PAPER_PALETTE, 'ramp').flatMap(
      ({ children }) => children,
    );
    expect(words).toEqual(expect.arrayContaining(['1 − 2.1e−4', '1 − 2e−6']));
  });
  it('hatches only the part of a brush that cannot be chosen', () => {
    const layout = heatmapLayout(8, 136 + 100);
    const [hatching] = drawRefusedSquare({ first: 0, last: 3 }, { first: 0, last: 1 }, layout);
    const { axis, top } = layout;
    const points = [...String(hatching?.attributes.d).matchAll(/[ML]([\d.]+) ([\d.]+)/g)].map(([, x, y]) => [
      Number(x),
      Number(y),
    ]);
    expect(points.length).toBeGreaterThan(4);
    const edge = endOf(axis, 1);
    for (const [x, y] of points) {
      expect((x ?? 0) >= edge - 0.01 || (y ?? 0) >= top + edge - axis.left - 0.01).toBe(true);
    }
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
  const curves: TrajectoryCurves = { cka: same(cka), differences: same(differences), streams: STREAMS, stream: 'mean' };
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
  it('keep one scale of similarities for every start', () => {
    const all = trajectoryScales(data, 600);
    const other = trajectoryScales({ ...data, start: 3 }, 600);
    expect(other.cka(0.9)).toBe(all.cka(0.9));
    const { top, height } = TRAJECTORY_ROWS.cka;
    expect(all.cka(0.5)).toBeCloseTo(top + height, 6);
  });

  it('have room for their bounds', () => {
    const low = cka.map((row) => row.map((value) => (value === null ? null : value - 0.3)));
    const bounded = { ...data, curves: { ...curves, bounds: { image: { low, high: cka }, text: null } } };
    const { top, height } = TRAJECTORY_ROWS.cka;
    expect(trajectoryScales(bounded, 600).cka(0.2)).toBeCloseTo(top + height, 6);
    const xml = drawTrajectory(bounded, trajectoryScales(bounded, 600), PAPER_PALETTE, 'x').map(markToXml).join('');
    expect(xml.match(/fill-opacity/g)).toHaveLength(1);
  });
  it('lie over the thin lines of other analyses from the same start, on a scale that holds them', () => {
    const lower = cka.map((row) => row.map((value) => (value === null ? null : value - 0.2)));
    const other = { cka: lower, differences };
    const beside = { ...data, start: 1, curves: { ...curves, others: [other, other] } };
    const scales = trajectoryScales(beside, 600);
    const { top, height } = TRAJECTORY_ROWS.cka;
    expect(scales.cka(0.3)).toBeCloseTo(top + height, 6);
    const thin = (of: typeof data) =>
      tags(drawTrajectory(of, scales, PAPER_PALETTE, 'x'), 'path').filter(
        ({ attributes }) => attributes['stroke-opacity'] === 0.7,
      );
    expect(thin(data)).toHaveLength(0);
    expect(thin(beside)).toHaveLength(4);
    // From block 1 on: four points.
    expect(String(thin(beside)[0]?.attributes.d).match(/[ML]/g)).toHaveLength(4);
    const named = (of: typeof data) =>
      tags(drawTrajectoryLabels(of, scales, PAPER_PALETTE), 'text').map(({ children }) => children[0]);
    expect(named(beside)).toContain('2 other analyses');
    expect(named(data).join(' ')).not.toContain('analys');
  });

  it('end a run at the seam, with no line across it', () => {
    const stacks = [
      { label: 'dual-stream blocks', first: 0, last: 1 },
      { label: 'single-stream blocks', first: 2, last: 4 },
    ];
    const seamed = { ...data, stacks, curves: { ...curves, stacks } };
    expect(runEnd(seamed.curves, 0)).toEqual({ last: 1, by: 'seam' });
    expect(runEnd(curves, 0)).toMatchObject({ last: 2, by: 'break' });
    expect(runEnd(curves, 4)).toEqual({ last: 4, by: 'model' });
    const scales = trajectoryScales(seamed, 600);
    const lines = tags(drawTrajectory(seamed, scales, PAPER_PALETTE, 'x'), 'path').map(({ attributes }) => attributes);
    const mean = lines.find((line) => line['stroke-width'] === 2)?.d;
    expect(String(mean).match(/M/g)).toHaveLength(2);
  });
  it('break the mean where a stream drops out of it, and hatch the block that does not update the stream', () => {
    const noText = cka.map((row) => row.map((value, k) => (k === 4 ? null : value)));
    const partial = { ...curves, cka: { ...same(cka), text: noText } };
    const blocks = Array.from({ length: 5 }, (_, k) => ({
      updates: k === 4 ? (['image'] as const) : (['image', 'text'] as const),
    }));
    const draw = (of: TrajectoryCurves) =>
      tags(drawTrajectory({ ...data, curves: of, blocks }, trajectoryScales(data, 600), PAPER_PALETTE, 'x'), 'path');
    const mean = (of: TrajectoryCurves) =>
      draw(of).find(({ attributes }) => attributes['stroke-width'] === 2)?.attributes.d;
    expect(String(mean(curves)).match(/M/g)).toHaveLength(1);
    expect(String(mean(partial)).match(/M/g)).toHaveLength(2);
    const hatched = draw(partial).filter(({ attributes }) => attributes.stroke === PAPER_PALETTE.streams[1]);
    expect(hatched.length).toBeGreaterThan(2);
  });
  it('whose values are all near one are drawn and numbered by what is missing', () => {
    const near = cka.map((row) => row.map((value) => (value === null ? null : 1 - (1 - value) * 1e-3)));
    const still = {
      ...data,
      curves: { ...curves, cka: same(near), differences: same(near.map((row) => row.map(() => 1e-4))) },
    };
    const scales = trajectoryScales(still, 600);
    const { top, height } = TRAJECTORY_ROWS.cka;
    expect(scales.cka(1 - 0.5e-3)).toBeCloseTo(top + height, 6);
    expect(scales.ckaTicks.map(scales.ckaText)).toEqual(expect.arrayContaining(['0', '−2e−4']));
    expect(scales.differenceTicks.map(scales.differenceText)).toEqual(expect.arrayContaining(['1e−4']));
    const labels = drawTrajectoryLabels(still, scales, PAPER_PALETTE).flatMap(({ children }) => children);
    expect(labels).toContain('surrogate CKA(0, k) − 1');
  });
  it('are named without one name over another, however narrow the chart is', () => {
    const labelsAt = (width: number) => {
      const scales = trajectoryScales(data, width);
      const texts = tags(drawTrajectoryLabels(data, scales, PAPER_PALETTE), 'text');
      const named = (name: string) => texts.find(({ children }) => String(children[0]).startsWith(name));
      const place = (name: string) => ({ x: Number(named(name)?.attributes.x), y: Number(named(name)?.attributes.y) });
      return { words: texts.map(({ children }) => children[0]), delta: place('Δ'), key: place('mean'), scales };
    };
    const wide = labelsAt(600);
    expect(wide.words).toContain('mean (decides)');
    expect(wide.delta.y).toBeLessThan(TRAJECTORY_ROWS.difference.top);
    const phone = labelsAt(360);
    expect(phone.words).toContain('mean');
    expect(phone.key.x - 30).toBeGreaterThan(phone.delta.x + 45);
    const narrow = labelsAt(260);
    expect(narrow.delta.y).toBeGreaterThan(TRAJECTORY_ROWS.difference.top);
  });
  it('name shades and lines of other analyses beside the panel, or one above the other where that has no room', () => {
    const bounds = { image: { low: cka, high: cka }, text: null };
    const beside = { ...data, curves: { ...curves, bounds, others: [{ cka, differences }] } };
    const placesAt = (width: number) => {
      const texts = tags(drawTrajectoryLabels(beside, trajectoryScales(beside, width), PAPER_PALETTE), 'text');
      return ['surrogate', '1 other', '95 %'].map((start) => {
        const found = texts.find(({ children }) => String(children[0]).startsWith(start));
        const { x, y } = found?.attributes ?? {};
        const [words] = found?.children ?? [];
        // At 6 pixels a letter, with the sample before it.
        const left = start === 'surrogate' ? Number(x) : Number(x) - 6 * String(words).length - 14;
        return { y: Number(y), left, right: start === 'surrogate' ? Number(x) + 6 * String(words).length : Number(x) };
      });
    };
    for (const [width, rows] of [
      [600, 1],
      [340, 2],
    ] as const) {
      const places = placesAt(width);
      expect(new Set(places.map(({ y }) => y)).size).toBe(rows);
      const over = places.filter((a) =>
        places.some((b) => a !== b && a.y === b.y && a.left < b.right && b.left < a.right),
      );
      expect(over).toEqual([]);
    }
  });
});
