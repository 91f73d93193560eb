/**
 * What is left of a model against what it still does: cost to the right, quality upwards, the front of those that no other
 * beats as a step line, each with a whisker over its 95 % interval. The teacher is a diamond, the fine-tuned model a square,
 * the present one ringed; plans that nobody has measured yet are small dots. Pure.
 */
import { scaleLinear } from 'd3';
import { logDomain, logScale, tickText } from './log-scale.ts';
import { type Mark, mark } from './marks.ts';
import type { ChartPalette } from './palette.ts';
import { paretoFront } from './pareto-front.ts';

/** `predicted`: damage that a planner adds up, in units of its own; less is better, as with `error`. */
export type ParetoQuality = 'facts' | 'error' | 'predicted';
export interface ParetoPoint {
  readonly key: string;
  readonly kind: 'teacher' | 'subset' | 'fine-tuned' | 'planned';
  /** What the value is sure to lie between, at 95 %; null where that was not measured. */
  readonly bounds: { readonly low: number; readonly high: number } | null;
  /** Parameters, unless the chart's axis says otherwise. */
  readonly cost: number;
  /** Facts: 0…1. Error: relative output error, 0 for the teacher. */
  readonly value: number;
}
export interface ParetoData {
  readonly points: readonly ParetoPoint[];
  readonly quality: ParetoQuality;
  /** Cost of the whole model: the right end of the axis. */
  readonly whole: number;
  /** With every student plugged in, or less: the left end has room for it. */
  readonly least: number;
  /** What the costs are; parameters unless given. */
  readonly axis?: ParetoAxis | undefined;
  /** The cost that is not to be passed, drawn as a line. */
  readonly limit?: number | null | undefined;
}
export interface ParetoAxis {
  readonly label: string;
  readonly text: (cost: number) => string;
}

export const PARETO_HEIGHT = 232;
const MARGIN = { left: 44, right: 14, top: 22, bottom: 36 };
/** Where a log scale has no zero: the teacher's own error lies on the frame. */
const DEFAULT_ERRORS = [0.01, 1] as const;

export interface ParetoScales {
  readonly x: (cost: number) => number;
  readonly y: (value: number) => number;
  readonly xTicks: readonly number[];
  readonly yTicks: readonly { readonly at: number; readonly text: string }[];
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export function paretoScales({ points, quality, whole, least }: ParetoData, width: number): ParetoScales {
  const left = MARGIN.left;
  const right = Math.max(left + 40, width - MARGIN.right);
  const top = MARGIN.top;
  const bottom = PARETO_HEIGHT - MARGIN.bottom;
  const span = Math.max(whole - least, whole * 0.02);
  const x = scaleLinear()
    .domain([least - 0.08 * span, whole + 0.06 * span])
    .range([left, right]);
  const common = { x, xTicks: x.ticks(right - left > 300 ? 5 : 4), left, right, top, bottom };
  if (quality === 'facts') {
    const values = points.flatMap(endsOf);
    const low = Math.max(0, Math.floor((Math.min(0.9, ...values) - 0.02) * 10) / 10);
    const y = scaleLinear().domain([low, 1]).range([bottom, top]);
    return { ...common, y, yTicks: y.ticks(5).map((at) => ({ at, text: `${Math.round(at * 100)} %` })) };
  }
  // Less error is better, so it lies higher.
  const domain = logDomain(points.flatMap(endsOf)) ?? DEFAULT_ERRORS;
  const inner = logScale(domain, top + 12, bottom);
  const y = (value: number) => (value > 0 ? inner(value) : top);
  const ticks = inner.ticks.map((at) => ({ at, text: tickText(at) }));
  return { ...common, y, yTicks: [{ at: 0, text: '0' }, ...ticks] };
}

const endsOf = ({ value, bounds }: ParetoPoint): number[] => (bounds ? [bounds.low, value, bounds.high] : [value]);

/** Higher is better. */
export const qualityOf = (value: number, quality: ParetoQuality): number => (quality === 'facts' ? value : -value);

export function drawPareto(data: ParetoData, scales: ParetoScales, palette: ChartPalette): Mark[] {
  const { quality, axis = PARAMETERS, limit = null } = data;
  const { x, y, left, right, bottom } = scales;
  const small = { 'font-size': 11, fill: palette.muted };
  const marks: Mark[] = [];
  for (const { at, text } of scales.yTicks) {
    marks.push(
      mark('line', { x1: left, x2: right, y1: y(at), y2: y(at), stroke: palette.line }),
      mark('text', { x: left - 6, y: y(at), dy: '0.35em', 'text-anchor': 'end', ...small }, text),
    );
  }
  marks.push(mark('line', { x1: left, x2: right, y1: bottom, y2: bottom, stroke: palette.faint }));
  for (const tick of scales.xTicks) {
    marks.push(mark('text', { x: x(tick), y: bottom + 14, 'text-anchor': 'middle', ...small }, axis.text(tick)));
  }
  marks.push(
    mark('text', { x: left, y: 11, 'font-size': 11, 'font-weight': 600, fill: palette.text }, WORDS[quality]),
    mark(
      'text',
      { x: right, y: bottom + 30, 'text-anchor': 'end', 'font-size': 11, 'font-weight': 600, fill: palette.text },
      `← ${axis.label}`,
    ),
  );
  if (limit !== null) {
    const at = Math.min(right, Math.max(left, x(limit)));
    marks.push(
      mark('line', { x1: at, x2: at, y1: scales.top, y2: bottom, stroke: palette.accent, 'stroke-dasharray': '2 3' }),
    );
  }
  const front = frontOf(data);
  if (front.length > 1)
    marks.push(
      mark('path', {
        d: stepPath(front, scales),
        fill: 'none',
        stroke: palette.text,
        'stroke-opacity': 0.45,
        'stroke-dasharray': '3 3',
      }),
    );
  return marks;
}

/** From each point of the front level to the next one's size, then up: what is reached at any size. */
function stepPath(front: readonly ParetoPoint[], { x, y }: ParetoScales): string {
  return front.map(({ cost, value }, i) => (i === 0 ? `M${x(cost)} ${y(value)}` : `H${x(cost)}V${y(value)}`)).join('');
}

/** One tried subset; `current` is the one that is plugged in. */
export function drawParetoPoint(
  point: ParetoPoint,
  current: boolean,
  onFront: boolean,
  scales: ParetoScales,
  palette: ChartPalette,
): Mark[] {
  const cx = scales.x(point.cost);
  const cy = scales.y(point.value);
  const look = {
    fill: current ? palette.accent : onFront ? palette.text : palette.background,
    stroke: current ? palette.accent : palette.text,
    'stroke-width': 1.25,
  };
  const r = point.kind === 'planned' ? 2.5 : 4;
  const shape =
    point.kind === 'teacher'
      ? mark('path', {
          d: `M${cx} ${cy - r - 1.5}l${r + 1.5} ${r + 1.5}l${-r - 1.5} ${r + 1.5}l${-r - 1.5} ${-r - 1.5}z`,
          ...look,
        })
      : point.kind === 'fine-tuned'
        ? mark('rect', { x: cx - r, y: cy - r, width: 2 * r, height: 2 * r, ...look })
        : mark('circle', { cx, cy, r, ...look });
  // Whiskers of a hundred plans side by side would hide them; the words of a plan say its range.
  const bar = point.kind === 'planned' ? [] : errorBar(point, scales, current ? palette.accent : palette.text);
  return current
    ? [...bar, mark('circle', { cx, cy, r: r + 4, fill: 'none', stroke: palette.accent, 'stroke-width': 1.5 }), shape]
    : [...bar, shape];
}

/** A whisker with ends, behind the point's own shape. */
function errorBar({ cost, bounds }: ParetoPoint, { x, y }: ParetoScales, stroke: string): Mark[] {
  if (!bounds) return [];
  const [cx, low, high] = [x(cost), y(bounds.low), y(bounds.high)];
  const look = { stroke, 'stroke-width': 1, 'stroke-opacity': 0.6 };
  const end = (at: number) => mark('line', { x1: cx - 3, x2: cx + 3, y1: at, y2: at, ...look });
  return [mark('line', { x1: cx, x2: cx, y1: low, y2: high, ...look }), end(low), end(high)];
}

export function frontKeys(data: Pick<ParetoData, 'points' | 'quality'>): ReadonlySet<string> {
  return new Set(frontOf(data).map(({ key }) => key));
}

/** What is measured is not beaten by what is only planned. */
function frontOf({ points, quality }: Pick<ParetoData, 'points' | 'quality'>) {
  const compared = quality === 'predicted' ? points : points.filter(({ kind }) => kind !== 'planned');
  return paretoFront(compared.map((point) => ({ ...point, quality: qualityOf(point.value, quality) })));
}

const WORDS: Readonly<Record<ParetoQuality, string>> = {
  facts: 'facts held ↑',
  error: 'output error, less is higher ↑',
  predicted: 'predicted damage, less is higher ↑',
};

const SCALES = [
  [1e9, 'B'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

function parametersText(parameters: number): string {
  const [size, unit] = SCALES.find(([s]) => parameters >= s) ?? [1, ''];
  return `${Number((parameters / size).toPrecision(3))}${unit ? ` ${unit}` : ''}`;
}

const PARAMETERS: ParetoAxis = { label: 'parameters', text: parametersText };
