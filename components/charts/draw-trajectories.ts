/**
 * How well block u and the probes after it follow the whole model: cka(u, k) above, its falling difference
 * Δ(u, k) = cka(u, k−1) − cka(u, k) below, over the shared block axis. A rise of Δ is a break (PPCL, stage 1.2).
 * Pure: data and width in, marks out.
 */
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import { type BlockAxis, centreOf, endOf, labelledBlocks, startOf } from './block-axis.ts';
import { drawSeams, namesHeight } from './draw-seams.ts';
import { hatchPath } from './hatch.ts';
import { linePath, type Mark, mark } from './marks.ts';
import { type ChartPalette, type StreamLook, streamLook } from './palette.ts';
import { whyNoPart } from './stream-part.ts';
import { symbolMark } from './stream-symbol.ts';
import { curveLabel, curveNames, curveRow, runEnd, streamsInMean } from './trajectory-curves.ts';
import { TRAJECTORY_ROWS, type TrajectoryData, type TrajectoryScales } from './trajectory-scales.ts';
import type { CurveMatrices, TrajectoryCurves, TrajectoryStream } from './types.ts';

type Row = readonly (number | null)[];

/** Grid, ticks, block numbers, the chosen and detected bands: all that lies behind the curves. */
export function drawTrajectoryBackground(
  data: TrajectoryData,
  scales: TrajectoryScales,
  palette: ChartPalette,
): Mark[] {
  const { axis } = scales;
  const { brackets, cka, difference } = TRAJECTORY_ROWS;
  const small = { 'font-size': 11, fill: palette.muted };
  const marks: Mark[] = [];
  const height = difference.top + difference.height - cka.top;
  for (const interval of data.selection) marks.push(band(axis, interval, cka.top, height, palette.accentSoft));
  for (const { first, last } of data.detected) {
    const x1 = startOf(axis, first) + 2;
    const path = `M${x1} ${brackets.top + brackets.height}V${brackets.top}H${endOf(axis, last) - 2}v${brackets.height}`;
    marks.push(mark('path', { d: path, fill: 'none', stroke: palette.detected, 'stroke-opacity': 0.7 }));
  }
  const grid = (y: number, text: string) => {
    marks.push(
      mark('line', { x1: axis.left, x2: axis.end, y1: y, y2: y, stroke: palette.line }),
      mark('text', { x: axis.left - 8, y, dy: '0.35em', 'text-anchor': 'end', ...small }, text.replace('-', '−')),
    );
  };
  for (const tick of scales.ckaTicks) grid(scales.cka(tick), scales.ckaText(tick));
  for (const tick of scales.differenceTicks) grid(scales.difference(tick), scales.differenceText(tick));
  const zero = scales.difference(0);
  marks.push(mark('line', { x1: axis.left, x2: axis.end, y1: zero, y2: zero, stroke: palette.faint }));
  marks.push(
    ...drawBlockNumbers(axis, palette),
    ...drawSeams(axis, 2 - namesHeight(axis), difference.top + difference.height, palette),
  );
  return marks;
}

function drawBlockNumbers(axis: BlockAxis, palette: ChartPalette): Mark[] {
  const { numbers, start } = TRAJECTORY_ROWS;
  const small = { 'font-size': 11, fill: palette.muted };
  const margin = { x: axis.left - 8, 'text-anchor': 'end', ...small };
  return [
    mark('text', { ...margin, y: numbers.top + 13 }, 'block k'),
    mark('text', { ...margin, y: start.top + 11 }, 'start u'),
    ...labelledBlocks(axis).map((block) => {
      const at = { x: centreOf(axis, block), y: numbers.top + 13, 'text-anchor': 'middle' };
      return mark('text', { ...at, ...small }, String(block));
    }),
  ];
}

/** The page has a slider handle here; a figure has this. */
export function drawStartMarker(start: number, axis: BlockAxis, palette: ChartPalette): Mark {
  const x = centreOf(axis, start);
  return mark('path', { d: `M${x} ${TRAJECTORY_ROWS.start.top + 2}l6 9h-12z`, fill: palette.text });
}

/** The two panels with nothing in them yet, in their final places. */
export function drawEmptyTrajectories(axis: BlockAxis, palette: ChartPalette): Mark[] {
  const panels = [TRAJECTORY_ROWS.cka, TRAJECTORY_ROWS.difference].map(({ top, height }) =>
    mark('rect', { x: axis.left, y: top, width: axis.end - axis.left, height, rx: 3, fill: palette.panel }),
  );
  const { difference } = TRAJECTORY_ROWS;
  const seams = drawSeams(axis, 2 - namesHeight(axis), difference.top + difference.height, palette);
  return [...panels, ...drawBlockNumbers(axis, palette), ...seams];
}

/** The deciding stream's curve from every other start, faint. */
export function drawOtherStarts(
  { curves, start, numBlocks }: TrajectoryData,
  scales: TrajectoryScales,
  palette: ChartPalette,
): Mark[] {
  const opacity = Math.min(0.45, Math.max(0.2, 8 / numBlocks));
  const look = { fill: 'none', stroke: palette.faint, 'stroke-opacity': opacity };
  return (curves.cka[curves.stream] ?? []).flatMap((row, other) => {
    if (other === start) return [];
    const ends = lineEnds(curves, curves.stream, other, scales.axis);
    return [mark('path', { d: linePath(brokenAt(ends, pointsOf(row, scales.axis, scales.cka))), ...look })];
  });
}

/** One panel's curves, cut off at its edges: on a zoomed scale they run out of it. */
export function clipped(panel: 'cka' | 'difference', id: string, axis: BlockAxis, marks: readonly Mark[]): Mark {
  const { top, height } = TRAJECTORY_ROWS[panel];
  const clipId = `${id}-${panel}`;
  const edge = { x: axis.left, y: top - 4, width: axis.end - axis.left, height: height + 8 };
  const clip = mark('clipPath', { id: clipId }, mark('rect', edge));
  return mark('g', {}, clip, mark('g', { 'clip-path': `url(#${clipId})` }, ...marks));
}

/** The three lines of the start in focus in both panels, the other starts behind them, and the break. */
export function drawTrajectory(
  data: TrajectoryData,
  scales: TrajectoryScales,
  palette: ChartPalette,
  id: string,
): Mark[] {
  const { start, curves } = data;
  const { axis } = scales;
  const upper = drawOtherStarts(data, scales, palette);
  const lower: Mark[] = [];
  // The deciding stream is drawn last, on top.
  const order = [...curveNames(curves)].sort((a, b) => Number(a === curves.stream) - Number(b === curves.stream));
  for (const stream of order) {
    const bold = stream === curves.stream;
    const shown = (matrices: CurveMatrices): Row => curveRow(matrices, stream, start).slice(0, scales.lastSeen + 1);
    const look = lookOf(curves, stream);
    const ends = lineEnds(curves, stream, start, axis);
    upper.push(...curve(shown(curves.cka), look, bold, axis, scales.cka, ends, palette));
    lower.push(...curve(shown(curves.differences), look, bold, axis, scales.difference, axis.seams, palette));
  }
  lower.push(...drawNoPart(data, axis, palette));
  const panels = [clipped('cka', id, axis, upper), clipped('difference', id, axis, lower)];
  return [...drawBreak(data, axis, palette), ...panels];
}

function pointsOf(row: Row, axis: BlockAxis, scale: (value: number) => number) {
  return row.map((value, k) => (value === null ? null : ([centreOf(axis, k), scale(value)] as const)));
}

/** The points with a null before each of the blocks, where a line is to end. */
function brokenAt<T>(blocks: readonly number[], points: readonly T[]): (T | null)[] {
  return points.flatMap((point, k) => (blocks.includes(k) ? [null, point] : [point]));
}

/** Blocks that no line runs up to: behind a seam, and where the mean is from there on a mean of other streams. */
function lineEnds(curves: TrajectoryCurves, name: TrajectoryStream, start: number, { seams }: BlockAxis): number[] {
  if (name !== 'mean') return [...seams];
  const present = (k: number) =>
    streamsInMean(curves, start, k)
      .map(({ id }) => id)
      .join();
  const changes = curves.cka.mean.flatMap((_, k) => (k > start && present(k) !== present(k - 1) ? [k] : []));
  return [...seams, ...changes];
}

/** Hatched at the foot of Δ, in the stream's colour: a block whose curve has no value because it takes no part. */
function drawNoPart({ curves, blocks = [], start }: TrajectoryData, axis: BlockAxis, palette: ChartPalette): Mark[] {
  const { top, height } = TRAJECTORY_ROWS.difference;
  return curves.streams.flatMap((stream, index) => {
    const silent = blocks.flatMap((_, block) => (block >= start && whyNoPart(blocks, stream, block) ? [block] : []));
    return silent.map((block) => {
      const box = { x: startOf(axis, block) + 1, y: top + height - 12, width: Math.max(3, axis.step - 2), height: 12 };
      return mark('path', { d: hatchPath(box, 4), fill: 'none', stroke: streamLook(index).colour(palette) });
    });
  });
}

function curve(
  row: Row,
  look: CurveLook,
  bold: boolean,
  axis: BlockAxis,
  scale: (value: number) => number,
  ends: readonly number[],
  palette: ChartPalette,
): Mark[] {
  const colour = look.colour(palette);
  const points = pointsOf(row, axis, scale);
  const line = { d: linePath(brokenAt(ends, points)), fill: 'none', stroke: colour, 'stroke-linejoin': 'round' };
  const marks = [
    mark('path', {
      ...line,
      'stroke-width': bold ? 2 : 1.25,
      'stroke-dasharray': look.dash,
      'stroke-linecap': 'round',
    }),
  ];
  const radius = Math.min(bold ? 3 : 2.25, axis.step * 0.22);
  for (const point of points) if (point) marks.push(symbol(look, point[0], point[1], radius, palette));
  return marks;
}

/** The mean has a filled circle and a solid line of its own. */
type CurveLook = Pick<StreamLook, 'colour' | 'dash'> & { readonly symbol: StreamLook['symbol'] | 'mean' };
const MEAN_LOOK: CurveLook = { colour: (palette) => palette.text, dash: undefined, symbol: 'mean' };

function lookOf({ streams }: TrajectoryCurves, name: TrajectoryStream): CurveLook {
  return name === 'mean' ? MEAN_LOOK : streamLook(streams.findIndex(({ id }) => id === name));
}

function symbol({ symbol: shape, colour }: CurveLook, x: number, y: number, r: number, palette: ChartPalette): Mark {
  const own = colour(palette);
  if (shape === 'mean') return symbolMark('circle', x, y, r, { fill: own });
  // A circle in colour alone would pass for the mean's.
  const look = shape === 'circle' ? { fill: palette.background, stroke: own, 'stroke-width': 1.25 } : { fill: own };
  return symbolMark(shape, x, y, r, look);
}

function drawBreak({ start, curves }: TrajectoryData, axis: BlockAxis, palette: ChartPalette): Mark[] {
  const { cka, difference, label } = TRAJECTORY_ROWS;
  const bottom = difference.top + difference.height;
  const x1 = centreOf(axis, start);
  const marks = [mark('line', { x1, x2: x1, y1: cka.top, y2: bottom, stroke: palette.text, 'stroke-opacity': 0.5 })];
  const end = runEnd(curves, start);
  if (end?.by !== 'break') return marks;
  const after = end.last;
  const x = endOf(axis, after);
  const nearEnd = x > axis.left + (axis.end - axis.left) * 0.8;
  const text = { x: x + (nearEnd ? -5 : 5), y: label.top + 12, 'text-anchor': nearEnd ? 'end' : 'start' };
  marks.push(
    mark('line', { x1: x, x2: x, y1: label.top + 4, y2: bottom, stroke: palette.text, 'stroke-dasharray': '4 3' }),
    mark('text', { ...text, ...nameOf(palette) }, `break after block ${after}`),
  );
  return marks;
}

function band(axis: BlockAxis, { first, last }: BlockInterval, y: number, height: number, fill: string): Mark {
  const x = startOf(axis, first) + 1;
  return mark('rect', { x, y, width: endOf(axis, last) - 1 - x, height, fill, 'fill-opacity': 0.6, rx: 3 });
}

/**
 * Names of the two panels and the key of their lines, in the gap between the panels. Where the gap is too narrow for Δ's
 * name and the key, the key leaves out the word "decides", and then the name goes into its panel.
 */
export function drawTrajectoryLabels(data: TrajectoryData, scales: TrajectoryScales, palette: ChartPalette): Mark[] {
  const { axis, nearOne } = scales;
  const { cka, difference } = TRAJECTORY_ROWS;
  const name = nameOf(palette);
  const delta = `Δ(${data.start}, k)`;
  const room = axis.end - axis.left - 4 - textWidth(delta) - KEY.gap;
  const names = curveNames(data.curves);
  const labels = (word: string) =>
    names.map((stream) => curveLabel(data.curves, stream) + (stream === data.curves.stream ? word : ''));
  const keyWidth = (texts: readonly string[]) =>
    texts.reduce((sum, text) => sum + textWidth(text) + KEY.line + KEY.gap, -KEY.gap);
  const whole = labels(' (decides)');
  const texts = keyWidth(whole) <= room ? whole : labels('');
  const deltaY = keyWidth(texts) <= room ? difference.top - 6 : difference.top + 14;
  const marks = [
    mark(
      'text',
      { x: axis.left + 4, y: cka.top + cka.height - 6, ...name },
      `surrogate CKA(${data.start}, k)${nearOne ? ' − 1' : ''}`,
    ),
    mark('text', { x: axis.left + 4, y: deltaY, ...name }, delta),
  ];
  let x = axis.end;
  for (const [index, stream] of [...names.entries()].reverse()) {
    const look = lookOf(data.curves, stream);
    const colour = look.colour(palette);
    const y = difference.top - 10;
    const text = texts[index] ?? '';
    x -= textWidth(text);
    const weight = stream === data.curves.stream ? { 'font-weight': 600, fill: palette.text } : { fill: palette.muted };
    marks.push(mark('text', { x, y, dy: '0.35em', 'font-size': 11, ...weight }, text));
    const line = { x1: x - 26, x2: x - 5, y1: y, y2: y, stroke: colour, 'stroke-dasharray': look.dash };
    marks.push(mark('line', { ...line, 'stroke-width': 1.75 }), symbol(look, x - 15.5, y, 2.5, palette));
    x -= KEY.line + KEY.gap;
  }
  return marks;
}

/** Looks of a name on the chart: bold, and readable over the lines that it crosses. */
function nameOf(palette: ChartPalette) {
  const halo = { 'paint-order': 'stroke', stroke: palette.background, 'stroke-width': 4, 'stroke-linejoin': 'round' };
  return { 'font-size': 11, 'font-weight': 600, fill: palette.text, ...halo };
}

/** A key's line with its symbol, and the gap before the next name, in pixels. */
const KEY = { line: 26, gap: 12 };

/** Of labels of 11 pixels, about. */
function textWidth(text: string): number {
  return text.length * 6 + 4;
}
