/**
 * What ends a run, drawn so that it can be checked by eye: the difference that decides is ringed, the one that it is above
 * has a thinner ring, both carry their values, and a step between them shows the rise. Pure: data and scales in, marks out.
 */

import { pairText } from '@/lib/core/pair-text.ts';
import { shareText } from '@/lib/core/share-text.ts';
import { centreOf, endOf } from './block-axis.ts';
import { type Mark, mark } from './marks.ts';
import type { ChartPalette } from './palette.ts';
import { curveRow, type RunEnd, runEnd } from './trajectory-curves.ts';
import { TRAJECTORY_ROWS } from './trajectory-rows.ts';
import type { TrajectoryData, TrajectoryScales } from './trajectory-scales.ts';
import type { BreakShares, TrajectoryCurves } from './types.ts';

/** Radius of the ring around the point that decides, and of the one that it is compared with. */
const RING = 7;
const COMPARED_RING = 5.5;
const VALUE_SIZE = 11;
/** Width of a character of a value and of a name, about. */
const CHARACTER = 6.3;

/** The start, the break, and how often resampled prompts break there: lines through both panels and a name on top. */
export function drawBreak(
  { start, curves }: TrajectoryData,
  { axis }: TrajectoryScales,
  palette: ChartPalette,
): Mark[] {
  const { cka, difference, label } = TRAJECTORY_ROWS;
  const bottom = difference.top + difference.height;
  const x1 = centreOf(axis, start);
  const marks = [mark('line', { x1, x2: x1, y1: cka.top, y2: bottom, stroke: palette.text, 'stroke-opacity': 0.5 })];
  const end = runEnd(curves, start);
  if (end?.by !== 'break') return marks;
  const x = endOf(axis, end.last);
  const share = shareWords(curves.found, start);
  const texts = [
    `break after block ${end.last}${share && ` · ${share}`}`,
    `break after ${end.last}${share && ` · ${share.split(' of ')[0]}`}`,
    `break after ${end.last}`,
  ];
  const { text, place } = besideLine(texts, x, axis);
  marks.push(
    mark('line', { x1: x, x2: x, y1: label.top + 4, y2: bottom, stroke: palette.text, 'stroke-dasharray': '4 3' }),
    mark('text', { ...place, y: label.top + 12, ...nameOf(palette) }, text),
  );
  return marks;
}

/** "in 62 % of 200 resamples", or nothing where that was not computed. */
export function shareWords(found: BreakShares | null | undefined, start: number): string {
  const share = found?.shares[start] ?? null;
  if (!found || share === null) return '';
  return `in ${shareText(share)} of ${found.resamples} resamples`;
}

/** On the side of the line where there is room for the longest of the texts that fits anywhere. */
function besideLine(texts: readonly string[], x: number, { left, end }: TrajectoryScales['axis']) {
  const after = { x: x + 5, 'text-anchor': 'start' };
  for (const text of texts) {
    const width = text.length * CHARACTER;
    if (width <= end - x - 5) return { text, place: after };
    if (width <= x - left - 5) return { text, place: { x: x - 5, 'text-anchor': 'end' } };
  }
  return { text: texts.at(-1) ?? '', place: after };
}

/** Rings, values and step of the start in focus, over the curves; nothing where no difference rises. */
export function drawDecision(
  { start, curves }: TrajectoryData,
  scales: TrajectoryScales,
  palette: ChartPalette,
): Mark[] {
  const end = runEnd(curves, start);
  if (end?.by !== 'break') return [];
  const { axis, difference } = scales;
  const { rise } = end;
  const from = { x: centreOf(axis, rise.before.block), y: difference(rise.before.delta) };
  const to = { x: centreOf(axis, rise.block), y: difference(rise.delta) };
  const [before, after] = pairText(rise.before.delta, rise.delta);
  const stroke = palette.text;
  const ring = { fill: 'none', stroke };
  const value = { 'font-size': VALUE_SIZE, fill: palette.text, ...halo(palette) };
  const placed = (text: string, x: number) => ({ ...value, ...clampedText(text, x, axis) });
  return [
    mark('path', { d: `M${from.x} ${from.y}H${to.x}V${to.y}`, ...ring, 'stroke-dasharray': '2 2' }),
    mark('circle', { cx: from.x, cy: from.y, r: COMPARED_RING, ...ring }),
    mark('circle', { cx: to.x, cy: to.y, r: RING, ...ring, 'stroke-width': 2 }),
    mark('text', { ...placed(before, from.x), y: from.y + COMPARED_RING + 12 }, before),
    mark('text', { ...placed(after, to.x), y: to.y - RING - 4, 'font-weight': 700 }, after),
  ];
}

/** In the middle over its point, but inside the panel. */
function clampedText(text: string, x: number, { left, end }: TrajectoryScales['axis']) {
  const half = (text.length * CHARACTER) / 2;
  if (x - half < left + 2) return { x: left + 2, 'text-anchor': 'start' };
  if (x + half > end - 2) return { x: end - 2, 'text-anchor': 'end' };
  return { x, 'text-anchor': 'middle' };
}

/** Differences of the run that its own scale has no room for: triangles at the edge that they are beyond. */
export function drawBeyond(
  { start, curves }: TrajectoryData,
  { axis, difference }: TrajectoryScales,
  palette: ChartPalette,
): Mark[] {
  const { top, height } = TRAJECTORY_ROWS.difference;
  return runBlocks(curves, start).flatMap((block) => {
    const value = curveRow(curves.differences, curves.stream, start)[block] ?? null;
    if (value === null) return [];
    const y = difference(value);
    const x = centreOf(axis, block);
    if (y < top - 0.5) return [mark('path', { d: `M${x} ${top}l4 7h-8z`, fill: palette.text })];
    if (y > top + height + 0.5) return [mark('path', { d: `M${x} ${top + height}l4 -7h-8z`, fill: palette.text })];
    return [];
  });
}

/** The blocks whose differences from `start` the run's end depends on: up to the one that rises. */
function runBlocks(curves: TrajectoryCurves, start: number): number[] {
  const last = lastOfDecision(runEnd(curves, start)) ?? start;
  return Array.from({ length: Math.max(0, last - start) }, (_, i) => start + 1 + i);
}

/** The block after which a run's differences no longer count. */
export function lastOfDecision(end: RunEnd | null): number | null {
  if (!end) return null;
  return end.by === 'break' ? end.rise.block : end.last;
}

/** What ended the run of a start, for a slider's value: "break after block 5, Δ rises from 0.0003 to 0.0008". */
export function endWords(curves: TrajectoryCurves, start: number): string {
  const end = runEnd(curves, start);
  if (end?.by === 'break') {
    const [before, after] = pairText(end.rise.before.delta, end.rise.delta);
    const share = shareWords(curves.found, start);
    return `break after block ${end.last}, Δ rises from ${before} to ${after}${share && `, ${share}`}`;
  }
  return end?.by === 'seam' ? `no break before the seam after block ${end.last}` : 'no break';
}

/** Looks of a name on the chart: bold, and readable over the lines that it crosses. */
export function nameOf(palette: ChartPalette) {
  return { 'font-size': 11, 'font-weight': 600, fill: palette.text, ...halo(palette) };
}

/** Keeps a text readable over lines. */
export function halo(palette: ChartPalette) {
  return { 'paint-order': 'stroke', stroke: palette.background, 'stroke-width': 4, 'stroke-linejoin': 'round' };
}
