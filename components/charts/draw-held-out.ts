/**
 * What a student has to beat: its held-out error over the steps against three level lines, the interval's first block
 * as it stands, linear probes, and plain removal. One small chart per error and stream, on a log scale; every line ends in
 * its name and value, so that the chart is its own table. Pure.
 */
import { scaleLinear } from 'd3';
import type { StreamSpec } from '@/lib/core/model/architecture.ts';
import type { Baselines, HeldOutPoint, StreamError } from '@/lib/core/run/index.ts';
import { logDomain, logScale, smallText } from './log-scale.ts';
import { linePath, type Mark, mark } from './marks.ts';
import type { ChartPalette } from './palette.ts';

export const HELD_OUT_METRICS = ['direction', 'magnitude'] as const;
export type HeldOutMetric = keyof StreamError;

export const METRIC_WORDS: Readonly<Record<HeldOutMetric, string>> = {
  direction: 'direction error',
  magnitude: 'magnitude error',
  relative: 'relative error',
};

export const STAND_INS = ['firstBlock', 'probes', 'removal'] as const satisfies readonly (keyof Baselines)[];
export type StandIn = (typeof STAND_INS)[number];

export interface HeldOutData {
  readonly steps: number;
  readonly baselines: Baselines | null;
  readonly points: readonly HeldOutPoint[];
  readonly metric: HeldOutMetric;
  readonly stream: StreamSpec;
  /** Block u, by number, for its label. */
  readonly firstBlock: number;
}

export const HELD_OUT_HEIGHT = 90;
const TITLE = 14;
const LABEL_GAP = 12;
/** Width of a character of the bold title. */
const TITLE_CHARACTER = 6.4;
const LABEL_WIDTH = 108;

interface Line {
  readonly name: string;
  readonly value: number;
  readonly student: boolean;
  readonly dash: string | undefined;
}

const DASHES: Readonly<Record<StandIn, string>> = { firstBlock: '6 3', probes: '1.5 3', removal: '2 5' };

export function drawHeldOut(data: HeldOutData, width: number, palette: ChartPalette): Mark[] {
  const { metric, stream, baselines, points, steps, firstBlock } = data;
  const small = { 'font-size': 11, fill: palette.muted };
  const title = mark('text', { x: 0, y: 10, 'font-size': 11, 'font-weight': 600, fill: palette.text }, stream.label);
  const about = mark('text', { x: stream.label.length * TITLE_CHARACTER + 5, y: 10, ...small }, METRIC_WORDS[metric]);
  const right = Math.max(40, width - LABEL_WIDTH);
  const top = TITLE + 6;
  const bottom = HELD_OUT_HEIGHT - 6;
  const ground = mark('rect', {
    x: 0,
    y: TITLE + 2,
    width: right,
    height: HELD_OUT_HEIGHT - TITLE - 4,
    rx: 3,
    fill: palette.panel,
  });
  const curve = points.flatMap(({ step, student }) => {
    const value = student[stream.id]?.[metric];
    return value === undefined ? [] : [{ step, value }];
  });
  const level = STAND_INS.flatMap((standIn): Line[] => {
    const value = baselines?.[standIn][stream.id]?.[metric];
    const name = standIn === 'firstBlock' ? `block ${firstBlock}` : standIn === 'probes' ? 'probes' : 'removed';
    return value === undefined ? [] : [{ name, value, student: false, dash: DASHES[standIn] }];
  });
  const domain = logDomain([...curve.map(({ value }) => value), ...level.map(({ value }) => value)]);
  if (!domain) {
    const words = baselines ? 'n/a: not updated' : 'not measured yet';
    return [
      title,
      about,
      ground,
      mark('text', { x: right / 2, y: (top + bottom) / 2, dy: '0.35em', 'text-anchor': 'middle', ...small }, words),
    ];
  }
  const y = logScale(domain, bottom, top);
  const x = scaleLinear()
    .domain([0, Math.max(1, steps)])
    .range([3, right - 3]);
  const lines = level.map(({ value, dash }) =>
    mark('line', { x1: 0, x2: right, y1: y(value), y2: y(value), stroke: palette.muted, 'stroke-dasharray': dash }),
  );
  const path = linePath(curve.map(({ step, value }) => [x(step), y(value)] as const));
  lines.push(
    mark('path', { d: path, fill: 'none', stroke: palette.text, 'stroke-width': 2, 'stroke-linejoin': 'round' }),
  );
  const last = curve.at(-1);
  if (last) lines.push(mark('circle', { cx: x(last.step), cy: y(last.value), r: 3, fill: palette.text }));
  const named: Line[] = last
    ? [...level, { name: 'student', value: last.value, student: true, dash: undefined }]
    : level;
  return [title, about, ground, ...lines, ...labels(named, y, right, width, palette)];
}

/** Names and values at their heights, pushed apart where they would touch; a leader shows which line each is. */
function labels(
  lines: readonly Line[],
  y: (value: number) => number,
  right: number,
  width: number,
  palette: ChartPalette,
): Mark[] {
  const sorted = [...lines].sort((a, b) => y(a.value) - y(b.value));
  const heights = spread(
    sorted.map(({ value }) => y(value)),
    LABEL_GAP,
    6,
    HELD_OUT_HEIGHT - 5,
  );
  return sorted.flatMap(({ name, value, student }, i) => {
    const at = heights[i] ?? 0;
    const look = {
      'font-size': 10.5,
      fill: student ? palette.text : palette.muted,
      'font-weight': student ? 600 : undefined,
    };
    return [
      mark('path', {
        d: `M${right + 1} ${y(value)}L${right + 9} ${at}`,
        fill: 'none',
        stroke: student ? palette.text : palette.faint,
      }),
      mark('text', { x: right + 12, y: at, dy: '0.35em', ...look }, name),
      mark('text', { x: width, y: at, dy: '0.35em', 'text-anchor': 'end', ...look }, smallText(value)),
    ];
  });
}

/** Heights in order, at least `gap` apart and inside the bounds, as near to where they were as that allows. */
export function spread(heights: readonly number[], gap: number, top: number, bottom: number): number[] {
  const down: number[] = [];
  for (const height of heights) down.push(Math.max(height, top, (down.at(-1) ?? Number.NEGATIVE_INFINITY) + gap));
  const up: number[] = [];
  for (const height of [...down].reverse())
    up.push(Math.min(height, bottom, (up.at(-1) ?? Number.POSITIVE_INFINITY) - gap));
  return up.reverse();
}
