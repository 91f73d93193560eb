/** The logarithmic axes of losses and errors: domains that end on a decade's 1, 2 or 5, so that they seldom move. */
import { scaleLog } from 'd3';

export type LogDomain = readonly [low: number, high: number];
const ENDS = [1, 2, 5, 10];
/** Nothing on the page is meant to be read below this. */
const LEAST = 1e-12;

/** Around every positive value; at least one step of 1-2-5 high. Null where there is none. */
export function logDomain(values: Iterable<number | null | undefined>): LogDomain | null {
  let low = Number.POSITIVE_INFINITY;
  let high = 0;
  for (const value of values) {
    if (value === null || value === undefined || !(value > LEAST) || value === Number.POSITIVE_INFINITY) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (high === 0) return null;
  const ends: LogDomain = [endBelow(low), endAbove(high)];
  return ends[0] < ends[1] ? ends : [ends[0] / 2, ends[1] * 2];
}

const decadeOf = (value: number) => 10 ** Math.floor(Math.log10(value) + 1e-9);

function endBelow(value: number): number {
  const decade = decadeOf(value);
  return decade * (ENDS.findLast((end) => end * decade <= value * (1 + 1e-9)) ?? 1);
}

function endAbove(value: number): number {
  const decade = decadeOf(value);
  return decade * (ENDS.find((end) => end * decade >= value * (1 - 1e-9)) ?? 10);
}

export interface LogScale {
  (value: number): number;
  readonly domain: LogDomain;
  readonly ticks: readonly number[];
}

/** `bottom` and `top` in pixels; values off the domain are drawn at its ends. */
export function logScale(domain: LogDomain, bottom: number, top: number, most = 5): LogScale {
  const scale = scaleLog().domain(domain).range([bottom, top]).clamp(true);
  const at = (value: number) => scale(Math.max(value, LEAST));
  return Object.assign(at, { domain, ticks: logTicks(domain, most) });
}

/** Of 1, 2, 5 in every decade as many as there is room for; else decades alone, thinned. */
export function logTicks([low, high]: LogDomain, most: number): number[] {
  const decades: number[] = [];
  for (let decade = decadeOf(low); decade <= high * (1 + 1e-9); decade *= 10) decades.push(decade);
  const within = (value: number) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9);
  const ofSteps = (steps: readonly number[]) => decades.flatMap((d) => steps.map((s) => d * s)).filter(within);
  for (const steps of [[1, 2, 5], [1, 3], [1]]) {
    const ticks = ofSteps(steps);
    if (ticks.length <= most && ticks.length >= 2) return ticks;
  }
  const ones = ofSteps([1]);
  if (ones.length < 2) return ofSteps([1, 2, 5]);
  const every = Math.ceil(ones.length / most);
  return ones.filter((_, i) => i % every === 0);
}

/** 0.002 as "0.002", 0.00002 as "2e−5": short enough for a margin. */
export function tickText(value: number): string {
  if (value >= 0.001 && value < 10_000) return String(Number(value.toPrecision(2)));
  return value.toExponential(0).replace('e-', 'e−').replace('e+', 'e');
}

/** Three figures, as small as it may be: losses and errors span many decades. */
export function smallText(value: number | null | undefined): string {
  if (value === undefined) return '…';
  if (value === null || !Number.isFinite(value)) return 'n/a';
  if (value === 0) return '0';
  return value >= 0.001 && value < 10_000
    ? String(Number(value.toPrecision(3)))
    : value.toExponential(1).replace('e-', 'e−').replace('e+', 'e');
}
