/**
 * How well block u and the probes after it follow the whole model: cka(u, k) above, its falling difference
 * Δ(u, k) = cka(u, k−1) − cka(u, k) below, over the shared block axis. A rise of Δ is a break (PPCL, stage 1.2), which
 * draw-decision.ts marks. Pure: data and width in, marks out.
 */
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import { type BlockAxis, centreOf, endOf, startOf } from './block-axis.ts';
import { BOUNDS_OPACITY, drawBounds } from './draw-bounds.ts';
import { drawBeyond, drawBreak, drawDecision, halo, lastOfDecision, nameOf } from './draw-decision.ts';
import { drawBlockNumbers } from './draw-empty-trajectories.ts';
import { drawSeams, namesHeight } from './draw-seams.ts';
import { hatchPath } from './hatch.ts';
import { linePath, type Mark, mark } from './marks.ts';
import { type ChartPalette, type StreamLook, streamLook } from './palette.ts';
import { whyNoPart } from './stream-part.ts';
import { symbolMark } from './stream-symbol.ts';
import { curveLabel, curveNames, curveRow, runEnd, streamsInMean } from './trajectory-curves.ts';
import { TRAJECTORY_ROWS } from './trajectory-rows.ts';
import type { DifferencesScale, SimilarityScale, TrajectoryData, TrajectoryScales } from './trajectory-scales.ts';
import type { TrajectoryCurves, TrajectoryStream } from './types.ts';

type Row = readonly (number | null)[];

/** Of the thin lines of other analyses. */
const OTHER_OPACITY = 0.7;
/** Differences that are drawn behind the run on its own scale. */
const PAST_RUN = 3;

/** Behind all else: what is chosen. Apart, so that a choice redraws no curve. */
export function drawChosenBands(selection: readonly BlockInterval[], axis: BlockAxis, palette: ChartPalette): Mark[] {
  const { cka, difference } = TRAJECTORY_ROWS;
  const height = difference.top + difference.height - cka.top;
  return selection.map((interval) => band(axis, interval, cka.top, height, palette.accentSoft));
}

/** All that lies behind the curves and is the same for every start and choice: brackets, the upper grid, block numbers, other starts. */
export function drawTrajectoryBackground(
  data: Omit<TrajectoryData, 'start'>,
  scale: SimilarityScale,
  palette: ChartPalette,
): Mark[] {
  const { axis } = scale;
  const { brackets, difference } = TRAJECTORY_ROWS;
  const marks: Mark[] = [];
  for (const { first, last } of data.detected) {
    const x1 = startOf(axis, first) + 2;
    const path = `M${x1} ${brackets.top + brackets.height}V${brackets.top}H${endOf(axis, last) - 2}v${brackets.height}`;
    marks.push(mark('path', { d: path, fill: 'none', stroke: palette.detected, 'stroke-opacity': 0.7 }));
  }
  for (const tick of scale.ckaTicks) marks.push(...gridLine(scale.cka(tick), scale.ckaText(tick), axis, palette));
  marks.push(
    ...drawBlockNumbers(axis, palette),
    ...drawSeams(axis, 2 - namesHeight(axis), difference.top + difference.height, palette),
    ...drawOtherStarts(data, scale, palette),
  );
  return marks;
}

/** The lower grid, which a run has of its own; zero is a darker line where the scale holds it. */
export function drawDifferenceGrid(axis: BlockAxis, scale: DifferencesScale, palette: ChartPalette): Mark[] {
  const { top, height } = TRAJECTORY_ROWS.difference;
  const marks = scale.differenceTicks.flatMap((tick) =>
    gridLine(scale.difference(tick), scale.differenceText(tick), axis, palette),
  );
  const zero = scale.difference(0);
  if (zero >= top && zero <= top + height) {
    marks.push(mark('line', { x1: axis.left, x2: axis.end, y1: zero, y2: zero, stroke: palette.faint }));
  }
  return marks;
}

function gridLine(y: number, text: string, axis: BlockAxis, palette: ChartPalette): Mark[] {
  const small = { 'font-size': 11, fill: palette.muted };
  return [
    mark('line', { x1: axis.left, x2: axis.end, y1: y, y2: y, stroke: palette.line }),
    mark('text', { x: axis.left - 8, y, dy: '0.35em', 'text-anchor': 'end', ...small }, text.replace('-', '−')),
  ];
}

/** The page has a slider handle here; a figure has this. */
export function drawStartMarker(start: number, axis: BlockAxis, palette: ChartPalette): Mark {
  const x = centreOf(axis, start);
  return mark('path', { d: `M${x} ${TRAJECTORY_ROWS.start.top + 2}l6 9h-12z`, fill: palette.text });
}

/** The deciding stream's curve from every start, faint; that of the start in focus is drawn over its own. */
function drawOtherStarts(
  { curves, numBlocks }: Omit<TrajectoryData, 'start'>,
  { axis, cka }: SimilarityScale,
  palette: ChartPalette,
): Mark[] {
  const opacity = Math.min(0.45, Math.max(0.2, 8 / numBlocks));
  const look = { fill: 'none', stroke: palette.faint, 'stroke-opacity': opacity };
  return (curves.cka[curves.stream] ?? []).map((row, start) => {
    const ends = lineEnds(curves, curves.stream, start, axis);
    return mark('path', { d: linePath(brokenAt(ends, pointsOf(row, axis, cka))), ...look });
  });
}

/** One panel's curves, cut off at its edges: on a run's own scale they run out of it, and bounds may anywhere. */
function clipped(id: string, panel: 'cka' | 'difference', axis: BlockAxis, marks: readonly Mark[]): Mark {
  const { top, height } = TRAJECTORY_ROWS[panel];
  // A point at the edge of the upper panel is drawn whole.
  const room = panel === 'cka' ? 4 : 0;
  const edge = { x: axis.left, y: top - room, width: axis.end - axis.left, height: height + 2 * room };
  const clip = mark('clipPath', { id }, mark('rect', edge));
  return mark('g', {}, clip, mark('g', { 'clip-path': `url(#${id})` }, ...marks));
}

/** The lines of the start in focus in both panels, and what ended its run. Δ is faint where it no longer counts. */
export function drawTrajectory(
  data: TrajectoryData,
  scales: TrajectoryScales,
  palette: ChartPalette,
  id: string,
): Mark[] {
  const { start, curves } = data;
  const { axis } = scales;
  const upper: Mark[] = [];
  const lower: Mark[] = [];
  const counts = lastOfDecision(runEnd(curves, start)) ?? data.numBlocks - 1;
  // On a run's own scale what comes later is out of range, and lines up to there and back would fill the panel.
  const seen = data.scale === 'all' ? data.numBlocks - 1 : counts + PAST_RUN;
  for (const other of curves.others ?? []) {
    const line = (row: Row, scale: (value: number) => number) =>
      mark('path', {
        d: linePath(brokenAt(axis.seams, pointsOf(row, axis, scale))),
        fill: 'none',
        stroke: lookOf(curves, curves.stream).colour(palette),
        'stroke-opacity': OTHER_OPACITY,
      });
    const differences = (other.differences[start] ?? []).map((value, k) => (k <= seen ? value : null));
    upper.push(line(other.cka[start] ?? [], scales.cka));
    lower.push(line(differences, scales.difference));
  }
  // The deciding stream is drawn last, on top.
  const order = [...curveNames(curves)].sort((a, b) => Number(a === curves.stream) - Number(b === curves.stream));
  for (const stream of order) {
    const bold = stream === curves.stream;
    const look = lookOf(curves, stream);
    const ends = lineEnds(curves, stream, start, axis);
    const bounds = curves.bounds?.[stream];
    if (bounds) {
      const [low, high] = [bounds.low[start] ?? [], bounds.high[start] ?? []];
      upper.push(...drawBounds(low, high, axis, scales.cka, look.colour(palette), ends));
    }
    upper.push(...curve(curveRow(curves.cka, stream, start), look, bold, axis, scales.cka, ends, palette));
    const row = curveRow(curves.differences, stream, start);
    const drawn = (part: Row, strong: boolean) =>
      curve(part, look, strong, axis, scales.difference, axis.seams, palette);
    const beyond = drawn(
      row.map((value, k) => (k >= counts && k <= seen ? value : null)),
      false,
    );
    lower.push(mark('g', { opacity: 0.25 }, ...beyond), ...drawn(row.slice(0, counts + 1), bold));
  }
  lower.push(...drawNoPart(data, axis, palette));
  return [
    ...drawBreak(data, scales, palette),
    clipped(`${id}-cka`, 'cka', axis, upper),
    clipped(`${id}-difference`, 'difference', axis, lower),
    ...drawBeyond(data, scales, palette),
    ...drawDecision(data, scales, palette),
  ];
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
  const { cka, difference } = TRAJECTORY_ROWS;
  for (const point of points) {
    // On a run's own scale most points are far outside.
    if (!point || point[1] < cka.top - 8 || point[1] > difference.top + difference.height + 8) continue;
    marks.push(symbol(look, point[0], point[1], radius, palette));
  }
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
  const surrogate = `surrogate CKA(${data.start}, k)${nearOne ? ' − 1' : ''}`;
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
    mark('text', { x: axis.left + 4, y: cka.top + cka.height - 6, ...name }, surrogate),
    mark('text', { x: axis.left + 4, y: deltaY, ...name }, delta),
    ...boundsKey(data, axis, palette, axis.end - axis.left - 4 - textWidth(surrogate)),
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

/**
 * What shades and thin lines are, in the right corner of the upper panel; nothing where there are none. One above the other where
 * the panel's name, which has the left corner, leaves no `room` for both.
 */
function boundsKey({ curves }: TrajectoryData, axis: BlockAxis, palette: ChartPalette, room: number): Mark[] {
  const { cka } = TRAJECTORY_ROWS;
  const others = curves.others?.length ?? 0;
  const hasBounds = Object.values(curves.bounds ?? {}).some((bounds) => bounds !== null);
  const keys: { readonly text: string; readonly sample: (x: number, y: number) => Mark }[] = [];
  if (hasBounds) {
    keys.push({
      text: '95 % of resamples',
      sample: (x, y) =>
        mark('rect', { x, y: y - 8, width: SAMPLE, height: 9, fill: palette.text, 'fill-opacity': BOUNDS_OPACITY }),
    });
  }
  if (others > 0) {
    const stroke = { stroke: lookOf(curves, curves.stream).colour(palette), 'stroke-opacity': OTHER_OPACITY };
    keys.push({
      text: others === 1 ? '1 other analysis' : `${others} other analyses`,
      sample: (x, y) => mark('line', { x1: x, x2: x + SAMPLE, y1: y - 4, y2: y - 4, ...stroke }),
    });
  }
  const widthOf = (text: string) => textWidth(text) + 4 + SAMPLE;
  const isStacked = keys.reduce((sum, { text }) => sum + widthOf(text) + KEY.gap, 0) > room;
  let x = axis.end;
  return keys.flatMap(({ text, sample }, index) => {
    const y = cka.top + cka.height - 6 - (isStacked ? index * KEY.row : 0);
    const end = x;
    if (!isStacked) x -= widthOf(text) + KEY.gap;
    const look = { 'text-anchor': 'end', 'font-size': 11, fill: palette.muted, ...halo(palette) };
    return [mark('text', { x: end, y, ...look }, text), sample(end - widthOf(text), y)];
  });
}

/** A key's line with its symbol, the gap before the next name, and the height of a row, in pixels. */
const KEY = { line: 26, gap: 12, row: 15 };
/** Width of the shade or the thin line before its name, in pixels. */
const SAMPLE = 14;

/** Of labels of 11 pixels, about. */
function textWidth(text: string): number {
  return text.length * 6 + 4;
}
