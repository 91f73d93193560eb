/**
 * CKA between all pairs of blocks: geometry, the canvas painting of the matrix, and the marks around and over it.
 * Row i and column j count blocks from the top left, so an interval is a square on the diagonal. The matrix is painted
 * apart from the cross-hair: a hover never repaints 3,600 cells.
 */
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import type { Matrix } from '@/lib/core/report/report.ts';
import {
  type AxisStack,
  type BlockAxis,
  blockAxis,
  centreOf,
  endOf,
  labelledBlocks,
  seamAt,
  startOf,
} from './block-axis.ts';
import { drawStackNames } from './draw-seams.ts';
import { hatchPath } from './hatch.ts';
import { type Mark, mark } from './marks.ts';
import { similarityText } from './number-text.ts';
import { type ChartPalette, colourRamp } from './palette.ts';
import type { ColourMap, Domain } from './types.ts';

export const HEATMAP_LEFT = 28;
export const HEATMAP_RIGHT = 8;
export const HEATMAP_TOP = 6;
/** Between the quadrants of two stacks. */
const HEATMAP_SEAM = 5;
const NUMBERS_HEIGHT = 20;
/** The line of the stacks' names. */
const NAMES_HEIGHT = 14;
/** How far the marks of a seam reach out of the matrix. */
const TICK = 4;
const LEGEND_HEIGHT = 24;
const READOUT_HEIGHT = 20;
/** Width of a legend character, generously. */
const CHARACTER = 6.6;
const NARROWEST_RAMP = 24;

export interface HeatmapLayout {
  readonly axis: BlockAxis;
  /** The square of cells: its side, its top; its left is `axis.left`. */
  readonly side: number;
  readonly top: number;
  readonly legendTop: number;
  readonly readoutTop: number;
  readonly height: number;
}

export function heatmapLayout(numBlocks: number, width: number, stacks?: readonly AxisStack[]): HeatmapLayout {
  const axis = blockAxis(numBlocks, width, { stacks, left: HEATMAP_LEFT, right: HEATMAP_RIGHT, gap: HEATMAP_SEAM });
  const side = axis.end - axis.left;
  const legendTop = HEATMAP_TOP + side + NUMBERS_HEIGHT + (axis.stacks.length > 1 ? NAMES_HEIGHT : 0);
  const readoutTop = legendTop + LEGEND_HEIGHT;
  return { axis, side, top: HEATMAP_TOP, legendTop, readoutTop, height: readoutTop + READOUT_HEIGHT };
}

/** The smallest and largest off-diagonal value of all matrices (`data`), or all of CKA's range (`full`). */
export function ckaDomain(matrices: readonly (Matrix | null)[], kind: 'full' | 'data'): Domain {
  if (kind === 'full') return [0, 1];
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const matrix of matrices) {
    matrix?.forEach((row, i) => {
      row.forEach((value, j) => {
        if (value === null || i === j) return;
        low = Math.min(low, value);
        high = Math.max(high, value);
      });
    });
  }
  return low < high ? [low, high] : [0, 1];
}

/** Step of the 256-step ramp for a value; beyond the domain the end colours are kept. */
export function rampStep(value: number, [low, high]: Domain): number {
  return Math.min(255, Math.max(0, Math.round(((value - low) / (high - low)) * 255)));
}

/** What `paintMatrix` needs of a 2D canvas context. */
export type MatrixCanvas = Pick<CanvasRenderingContext2D, 'fillRect' | 'clearRect'> & {
  fillStyle: CanvasRenderingContext2D['fillStyle'];
};

/**
 * Paints the matrix over `sidePx` device pixels; cell edges fall on whole pixels, so that no lines show between cells.
 * n/a and the gap between two stacks stay clear.
 */
export function paintMatrix(
  canvas: MatrixCanvas,
  matrix: Matrix,
  axis: BlockAxis,
  sidePx: number,
  domain: Domain,
  colours: ColourMap,
): void {
  const ramp = colourRamp(colours);
  const scale = sidePx / (axis.end - axis.left);
  const pixel = (x: number) => Math.round((x - axis.left) * scale);
  const bands = matrix.map((_, block) => {
    // The next band's own edge: computed in another way it might round to another pixel.
    const joined = block + 1 < matrix.length && !axis.seams.includes(block + 1);
    const end = pixel(joined ? startOf(axis, block + 1) : endOf(axis, block));
    return { from: pixel(startOf(axis, block)), size: end - pixel(startOf(axis, block)) };
  });
  canvas.clearRect(0, 0, sidePx, sidePx);
  matrix.forEach((row, i) => {
    const down = bands[i];
    row.forEach((value, j) => {
      const across = bands[j];
      if (value === null || !across || !down) return;
      canvas.fillStyle = ramp[rampStep(value, domain)] ?? '';
      canvas.fillRect(across.from, down.from, across.size, down.size);
    });
  });
}

/** The same cells as SVG rectangles, for a figure that must scale. */
export function drawMatrixCells(matrix: Matrix, layout: HeatmapLayout, domain: Domain, colours: ColourMap): Mark[] {
  const ramp = colourRamp(colours);
  const { step } = layout.axis;
  const cells: Mark[] = [];
  matrix.forEach((row, i) => {
    row.forEach((value, j) => {
      if (value === null) return;
      const place = { x: startOf(layout.axis, j), y: rowAt(layout, i), width: step, height: step };
      cells.push(mark('rect', { ...place, fill: ramp[rampStep(value, domain)] }));
    });
  });
  return [mark('g', { 'shape-rendering': 'crispEdges' }, ...cells)];
}

/** Top of row `block`. */
const rowAt = ({ axis, top }: HeatmapLayout, block: number): number => top + startOf(axis, block) - axis.left;

/** Hatching over every cell without a value: a block that does not update the stream takes no part. */
export function drawMissingCells(matrix: Matrix, layout: HeatmapLayout, palette: ChartPalette): Mark[] {
  const { axis } = layout;
  const boxes = matrix.flatMap((row, i) => {
    const y = rowAt(layout, i);
    return runsOf(row, (value) => value === null).map(({ first, last }) => {
      const x = startOf(axis, first);
      return hatchPath({ x, y, width: endOf(axis, last) - x, height: axis.step });
    });
  });
  return boxes.length === 0 ? [] : [mark('path', { d: boxes.join(''), fill: 'none', stroke: palette.faint })];
}

function runsOf<T>(row: readonly T[], belongs: (value: T) => boolean): BlockInterval[] {
  const runs: BlockInterval[] = [];
  row.forEach((value, at) => {
    if (!belongs(value)) return;
    const open = runs.at(-1);
    if (open?.last === at - 1) runs[runs.length - 1] = { first: open.first, last: at };
    else runs.push({ first: at, last: at });
  });
  return runs;
}

/** Short marks at the matrix' edges, where the gap between two stacks meets them. */
export function drawHeatmapSeams({ axis, top, side }: HeatmapLayout, palette: ChartPalette): Mark[] {
  return axis.seams.flatMap((seam) => {
    const x = seamAt(axis, seam);
    const y = top + x - axis.left;
    const vertical = { x1: x, x2: x, stroke: palette.text };
    const horizontal = { y1: y, y2: y, stroke: palette.text };
    return [
      mark('line', { ...vertical, y1: top - TICK, y2: top + 1 }),
      mark('line', { ...vertical, y1: top + side - 1, y2: top + side + TICK + NUMBERS_HEIGHT }),
      mark('line', { ...horizontal, x1: axis.left - TICK - 16, x2: axis.left + 1 }),
      mark('line', { ...horizontal, x1: axis.end - 1, x2: axis.end + TICK }),
    ];
  });
}

/** Block numbers left and below, and the legend with its domain. */
export function drawHeatmapFrame(
  layout: HeatmapLayout,
  domain: Domain,
  colours: ColourMap,
  palette: ChartPalette,
  gradientId: string,
): Mark[] {
  const { axis, top, side, legendTop } = layout;
  const small = { 'font-size': 11, fill: palette.muted };
  const ground = axis.seams.length === 0 ? palette.panel : palette.background;
  const marks: Mark[] = [mark('rect', { x: axis.left, y: top, width: side, height: side, fill: ground, rx: 3 })];
  for (const across of axis.stacks) {
    for (const down of axis.stacks) {
      const [x, y] = [startOf(axis, across.first), rowAt(layout, down.first)];
      const size = { width: endOf(axis, across.last) - x, height: endOf(axis, down.last) - axis.left + top - y };
      marks.push(mark('rect', { x, y, ...size, fill: palette.panel }));
    }
  }
  for (const block of labelledBlocks(axis)) {
    const along = centreOf(axis, block) - axis.left;
    const row = { x: axis.left - 6, y: top + along, dy: '0.35em', 'text-anchor': 'end' };
    const column = { x: axis.left + along, y: top + side + 14, 'text-anchor': 'middle' };
    marks.push(mark('text', { ...row, ...small }, String(block)), mark('text', { ...column, ...small }, String(block)));
  }
  marks.push(...drawStackNames(axis, top + side + NUMBERS_HEIGHT - 2, palette));
  const ramp = colourRamp(colours);
  const stops = Array.from({ length: 17 }, (_, index) =>
    mark('stop', { offset: index / 16, 'stop-color': ramp[Math.round((index / 16) * 255)] }),
  );
  const [lowest, highest] = domain;
  const low = similarityText(lowest, lowest === 0 ? 0 : 3);
  const high = similarityText(highest, highest === 1 ? 0 : 3);
  const range = lowest === 0 && highest === 1 ? 'full range' : 'range of the data';
  const legend = { y: legendTop + 8, dy: '0.35em', ...small };
  const rampLeft = axis.left + low.length * CHARACTER + 6;
  // What the texts leave, so that a narrow heatmap's legend still fits on one line.
  const roomBeside = (words: string) => axis.end - rampLeft - (high.length + words.length) * CHARACTER - 16;
  const words = [`state CKA, ${range}`, 'state CKA'].find((each) => roomBeside(each) >= NARROWEST_RAMP) ?? 'CKA';
  const width = Math.min(160, Math.max(NARROWEST_RAMP, roomBeside(words)));
  marks.push(
    mark('defs', {}, mark('linearGradient', { id: gradientId }, ...stops)),
    mark('text', { x: axis.left, ...legend }, low),
    mark('rect', { x: rampLeft, y: legendTop + 4, width, height: 9, rx: 2, fill: `url(#${gradientId})` }),
    mark('text', { x: rampLeft + width + 6, ...legend }, high),
    mark('text', { x: axis.end, ...legend, 'text-anchor': 'end' }, words),
  );
  return marks;
}

export type SquareKind = 'chosen' | 'detected' | 'draft';

/** Intervals as squares on the diagonal. Two strokes, light on dark, keep them legible on every colour of the ramp. */
export function drawSquares(
  intervals: readonly BlockInterval[],
  kind: SquareKind,
  layout: HeatmapLayout,
  palette: ChartPalette,
): Mark[] {
  const dash = { chosen: undefined, detected: '3 3', draft: '5 3' }[kind];
  const stroke = kind === 'chosen' || kind === 'draft' ? palette.accent : '#ffffff';
  return intervals.flatMap((interval) => {
    const shape = { ...squareOf(interval, layout), fill: 'none', rx: 2 };
    const halo = kind === 'detected' ? 'rgb(0 0 0 / 0.45)' : '#ffffff';
    return [
      mark('rect', { ...shape, stroke: halo, 'stroke-width': kind === 'detected' ? 2.5 : 4.5 }),
      mark('rect', { ...shape, stroke, 'stroke-width': kind === 'detected' ? 1.25 : 2.5, 'stroke-dasharray': dash }),
    ];
  });
}

function squareOf({ first, last }: BlockInterval, layout: HeatmapLayout) {
  const x = startOf(layout.axis, first);
  const length = endOf(layout.axis, last) - x;
  return { x, y: rowAt(layout, first), width: length, height: length };
}

/** What a brush covered and cannot become an interval: hatched around the part that can. */
export function drawRefusedSquare(
  covered: BlockInterval,
  allowed: BlockInterval | null,
  layout: HeatmapLayout,
): Mark[] {
  const whole = squareOf(covered, layout);
  const inner = allowed ? squareOf(allowed, layout) : { ...whole, width: 0, height: 0 };
  const [right, bottom] = [inner.x + inner.width, inner.y + inner.height];
  const bands = [
    { ...whole, width: inner.x - whole.x },
    { ...whole, x: right, width: whole.x + whole.width - right },
    { ...inner, y: whole.y, height: inner.y - whole.y },
    { ...inner, y: bottom, height: whole.y + whole.height - bottom },
  ];
  const d = bands.map((band) => hatchPath(band, 10)).join('');
  const frame = { ...whole, fill: 'none', rx: 2, 'stroke-dasharray': '2 3' };
  return [
    mark('path', { d, fill: 'none', stroke: 'rgb(0 0 0 / 0.45)', 'stroke-width': 2.5 }),
    mark('path', { d, fill: 'none', stroke: '#ffffff', 'stroke-width': 1 }),
    mark('rect', { ...frame, stroke: 'rgb(0 0 0 / 0.5)', 'stroke-width': 3 }),
    mark('rect', { ...frame, stroke: '#ffffff', 'stroke-width': 1.25 }),
  ];
}

/** Lines through a column and a row; with one block alone, through both its column and its row. */
export function drawCrossHair(column: number | null, row: number | null, layout: HeatmapLayout): Mark[] {
  const { axis, top, side } = layout;
  const marks: Mark[] = [];
  const across = column ?? row;
  const down = row ?? column;
  if (across === null || down === null) return marks;
  const x = centreOf(axis, across);
  const y = top + centreOf(axis, down) - axis.left;
  for (const [stroke, width] of [
    ['rgb(0 0 0 / 0.55)', 2.5],
    ['#ffffff', 1],
  ] as const) {
    const line = { stroke, 'stroke-width': width };
    marks.push(
      mark('line', { x1: x, x2: x, y1: top, y2: top + side, ...line }),
      mark('line', { x1: axis.left, x2: axis.end, y1: y, y2: y, ...line }),
    );
  }
  return marks;
}
