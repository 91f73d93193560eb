/**
 * The loss of one job per stream over its optimizer steps, on a log scale: every step faint, the smoothed curve over
 * it. The step axis has its full length from the start, so that nothing moves while the job runs. Pure: data in, marks out.
 */
import { scaleLinear } from 'd3';
import type { StreamSpec } from '@/lib/core/model/architecture.ts';
import type { StepPoint } from '@/lib/core/run/index.ts';
import { type LogDomain, type LogScale, logScale, tickText } from './log-scale.ts';
import { linePath, type Mark, mark } from './marks.ts';
import { countText } from './number-text.ts';
import { type ChartPalette, streamLook } from './palette.ts';

export const LOSS_ROWS = {
  plot: { top: 8, height: 132 },
  steps: { top: 146, height: 18 },
  readout: { top: 166, height: 20 },
} as const;
export const LOSS_HEIGHT = 188;
const LEFT = 44;
const RIGHT = 8;

export interface LossSeries {
  readonly name: string;
  readonly colour: (palette: ChartPalette) => string;
  readonly dash: string | undefined;
  /** In order of step. */
  readonly steps: readonly number[];
  readonly raw: readonly (number | null)[];
  readonly smooth: readonly (number | null)[];
}

export interface LossCurveData {
  /** Length of the step axis: the steps asked for. */
  readonly steps: number;
  readonly series: readonly LossSeries[];
  readonly domain: LogDomain;
}

export interface LossScales {
  readonly x: (step: number) => number;
  readonly stepAt: (x: number) => number;
  readonly y: LogScale;
  readonly left: number;
  readonly right: number;
}

export function lossScales({ steps, domain }: Pick<LossCurveData, 'steps' | 'domain'>, width: number): LossScales {
  const { plot } = LOSS_ROWS;
  const right = Math.max(LEFT + 20, width - RIGHT);
  const x = scaleLinear()
    .domain([0, Math.max(1, steps)])
    .range([LEFT, right]);
  return { x, stepAt: (at) => x.invert(at), y: logScale(domain, plot.top + plot.height, plot.top), left: LEFT, right };
}

export function drawLossFrame(
  { steps }: Pick<LossCurveData, 'steps'>,
  scales: LossScales,
  palette: ChartPalette,
): Mark[] {
  const { plot, steps: row } = LOSS_ROWS;
  const { x, y, left, right } = scales;
  const small = { 'font-size': 11, fill: palette.muted };
  const marks: Mark[] = [];
  for (const tick of y.ticks) {
    marks.push(
      mark('line', { x1: left, x2: right, y1: y(tick), y2: y(tick), stroke: palette.line }),
      mark('text', { x: left - 6, y: y(tick), dy: '0.35em', 'text-anchor': 'end', ...small }, tickText(tick)),
    );
  }
  const bottom = plot.top + plot.height;
  marks.push(mark('text', { x: left - 6, y: row.top + 12, 'text-anchor': 'end', ...small }, 'step'));
  marks.push(mark('line', { x1: left, x2: right, y1: bottom, y2: bottom, stroke: palette.faint }));
  const ticks = scaleLinear()
    .domain([0, Math.max(1, steps)])
    .ticks(right - left > 260 ? 5 : 3)
    .filter(Number.isInteger);
  for (const tick of ticks) {
    const anchor = tick === 0 ? 'start' : x(tick) > right - 14 ? 'end' : 'middle';
    marks.push(mark('text', { x: x(tick), y: row.top + 12, 'text-anchor': anchor, ...small }, countText(tick)));
  }
  return marks;
}

export function drawLossSeries(data: LossCurveData, scales: LossScales, palette: ChartPalette): Mark[] {
  const faint = data.series.map(({ steps, raw, colour }) =>
    mark('path', {
      d: linePath(thinned(steps, raw, scales)),
      fill: 'none',
      stroke: colour(palette),
      'stroke-opacity': 0.28,
    }),
  );
  const bold = data.series.map(({ steps, smooth, colour, dash }) =>
    mark('path', {
      d: linePath(thinned(steps, smooth, scales)),
      fill: 'none',
      stroke: colour(palette),
      'stroke-width': 1.75,
      'stroke-dasharray': dash,
      'stroke-linejoin': 'round',
    }),
  );
  return [...faint, ...bold];
}

/** At most the least and the greatest value of each pixel column: what the eye could see of any number of steps. */
function thinned(steps: readonly number[], values: readonly (number | null)[], { x, y }: LossScales) {
  const points: [number, number][] = [];
  let column = Number.NaN;
  let low = 0;
  let high = 0;
  let end = 0;
  const flush = () => {
    if (Number.isNaN(column)) return;
    points.push([column, low]);
    if (high !== low) points.push([column, high]);
    if (end !== high && high !== low) points.push([column, end]);
  };
  steps.forEach((step, i) => {
    const value = values[i];
    if (value === null || value === undefined || !(value > 0)) return;
    const at = Math.round(x(step) * 2) / 2;
    const height = y(value);
    if (at !== column) {
      flush();
      column = at;
      low = height;
      high = height;
    }
    low = Math.min(low, height);
    high = Math.max(high, height);
    end = height;
  });
  flush();
  return points;
}

const KEY_ROW = 16;
const KEY_GAP = 14;
const KEY_LINE = 20;
/** Mean width of a character of a name, generously. */
const KEY_CHARACTER = 6.2;

interface KeyEntry {
  readonly series: LossSeries;
  readonly text: string;
  readonly x: number;
  readonly row: number;
}

/** Names of the lines above the plot, where no curve can run through them; as many rows as they need. */
function keyEntries(series: readonly LossSeries[], { left, right }: LossScales): readonly KeyEntry[] {
  const most = Math.max(4, Math.floor((right - left - KEY_LINE - 6) / KEY_CHARACTER));
  let [x, row] = [left, 0];
  return series.map((one) => {
    const text = one.name.length > most ? `${one.name.slice(0, most - 1)}…` : one.name;
    const width = KEY_LINE + 6 + text.length * KEY_CHARACTER;
    if (x > left && x + width > right) [x, row] = [left, row + 1];
    const entry = { series: one, text, x, row };
    x += width + KEY_GAP;
    return entry;
  });
}

/** One row is kept free before there are lines. */
export function lossKeyHeight(series: readonly LossSeries[], scales: LossScales): number {
  return KEY_ROW * (1 + Math.max(0, ...keyEntries(series, scales).map(({ row }) => row)));
}

export function drawLossKey(series: readonly LossSeries[], scales: LossScales, palette: ChartPalette): Mark[] {
  return keyEntries(series, scales).flatMap(({ series: { colour, dash }, text, x, row }) => {
    const y = KEY_ROW * (row + 0.5);
    const line = { x1: x, x2: x + KEY_LINE, y1: y, y2: y, stroke: colour(palette) };
    return [
      mark('line', { ...line, 'stroke-width': 1.75, 'stroke-dasharray': dash }),
      mark('text', { x: x + KEY_LINE + 6, y, dy: '0.35em', 'font-size': 11, fill: palette.muted }, text),
    ];
  });
}

/** The streams of one job's steps; a stream that takes no part has no line. The fine-tune's one loss is the output's. */
export function seriesOf(
  points: readonly StepPoint[],
  streams: readonly StreamSpec[],
  smooth: (values: readonly (number | null)[]) => readonly (number | null)[],
  of: 'streams' | 'output' = 'streams',
): LossSeries[] {
  const steps = points.map(({ step }) => step);
  return streams.flatMap(({ id, label }, index) => {
    const raw = points.map(({ losses }) => losses[id] ?? null);
    if (raw.every((value) => value === null)) return [];
    const { colour, lossDash } = streamLook(index);
    return [{ name: of === 'output' ? 'output' : label, colour, dash: lossDash, steps, raw, smooth: smooth(raw) }];
  });
}
