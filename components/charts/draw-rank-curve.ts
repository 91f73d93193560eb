/** Error against rank as one line on logarithmic axes, with the chosen rank and the one under the pointer. Pure. */
import { logDomain, logScale, tickText } from './log-scale.ts';
import { linePath, type Mark, mark } from './marks.ts';
import type { ChartPalette } from './palette.ts';

export const RANK_CURVE_HEIGHT = 132;
const MARGIN = { left: 46, right: 10, top: 18, bottom: 32 };
/** What is left below is nothing to choose by. */
const LEAST_ERROR = 1e-4;

export interface RankScales {
  readonly x: (rank: number) => number;
  readonly y: (error: number) => number;
  readonly yTicks: readonly number[];
  /** Highest rank that is drawn. */
  readonly most: number;
  readonly left: number;
  readonly right: number;
  readonly bottom: number;
}

/** `errors` are by rank from 0, which is no choice. */
export function rankScales(errors: readonly number[], width: number): RankScales {
  const most = Math.max(
    2,
    errors.findLastIndex((error) => error > LEAST_ERROR),
  );
  const [left, right] = [MARGIN.left, Math.max(MARGIN.left + 40, width - MARGIN.right)];
  const bottom = RANK_CURVE_HEIGHT - MARGIN.bottom;
  const domain = logDomain(errors.slice(1, most + 1).filter((error) => error > LEAST_ERROR)) ?? [1e-4, 1];
  const y = logScale(domain, bottom, MARGIN.top, 4);
  const x = (rank: number) => left + ((right - left) * Math.log(rank)) / Math.log(most);
  return { x, y, yTicks: y.ticks, most, left, right, bottom };
}

/** The rank whose place is nearest. */
export function rankAt({ left, right, most }: RankScales, x: number): number {
  const share = Math.min(1, Math.max(0, (x - left) / (right - left)));
  return Math.min(most, Math.max(1, Math.round(most ** share)));
}

export function drawRankCurve(
  errors: readonly number[],
  { x, y, yTicks, most, left, right, bottom }: RankScales,
  { rank, hovered }: { readonly rank: number | null; readonly hovered: number | null },
  palette: ChartPalette,
): Mark[] {
  const small = { 'font-size': 11, fill: palette.muted };
  const name = { 'font-size': 11, 'font-weight': 600, fill: palette.text };
  const marks: Mark[] = [mark('text', { x: 0, y: 10, ...name }, 'error of the modulations')];
  for (const tick of yTicks) {
    const text = { x: left - 6, y: y(tick), dy: '0.35em', 'text-anchor': 'end', ...small };
    marks.push(
      mark('line', { x1: left, x2: right, y1: y(tick), y2: y(tick), stroke: palette.line }),
      mark('text', text, `${tickText(100 * tick)} %`),
    );
  }
  for (let tick = 1; tick <= most; tick *= 2) {
    marks.push(mark('text', { x: x(tick), y: bottom + 14, 'text-anchor': 'middle', ...small }, String(tick)));
  }
  marks.push(mark('text', { x: right, y: bottom + 29, 'text-anchor': 'end', ...name }, 'rank →'));
  const points = Array.from({ length: most }, (_, i) => [x(i + 1), y(errors[i + 1] ?? 0)] as const);
  marks.push(mark('path', { d: linePath(points), fill: 'none', stroke: palette.text, 'stroke-width': 1.25 }));
  for (const [px, py] of points.slice(0, 16)) marks.push(mark('circle', { cx: px, cy: py, r: 2, fill: palette.text }));
  const place = (at: number) => ({ cx: x(Math.min(at, most)), cy: y(errors[Math.min(at, errors.length - 1)] ?? 0) });
  if (hovered !== null) {
    const { cx } = place(hovered);
    marks.push(mark('line', { x1: cx, x2: cx, y1: MARGIN.top, y2: bottom, stroke: palette.faint }));
    marks.push(mark('circle', { ...place(hovered), r: 3.5, fill: palette.background, stroke: palette.text }));
  }
  if (rank !== null) {
    marks.push(
      mark('circle', { ...place(rank), r: 7, fill: 'none', stroke: palette.accent, 'stroke-width': 1.5 }),
      mark('circle', { ...place(rank), r: 3.5, fill: palette.accent }),
    );
  }
  return marks;
}
