/**
 * How the values of the two trajectory panels map to pixels, over the rows of trajectory-rows.ts. Similarities have
 * one scale for every start block, so that moving the start moves the curve and not the ruler. Differences have by default
 * a scale of their own for each run: a break is a matter of thousandths, while all differences span tenths.
 */
import { quantile, scaleLinear, scaleSymlog } from 'd3';
import { type BlockAxis, blockAxis } from './block-axis.ts';
import { scientificText } from './number-text.ts';
import { curveNames, curveRow, runEnd } from './trajectory-curves.ts';
import { TRAJECTORY_ROWS } from './trajectory-rows.ts';
import type { TrajectoriesProps, TrajectoryCurves } from './types.ts';

/** Variations below this are rounding errors of the measurement: no scale zooms into them. */
export const LEAST_RANGE = 1e-5;
/** When every similarity is this near one, the axis shows what is missing to one. */
const NEAR_ONE = 0.998;
/** Above and below a run's differences, for the two values that are written there. */
const LABEL_ROOM = 22;
/** Other values widen a run's scale by the deciding rise at most, above and below: the rise keeps a third of it. */
const WIDENED = 1;
/** Closest distance of two ticks of the logarithmic scale. */
const TICK_GAP = 15;

export type TrajectoryData = Pick<
  TrajectoriesProps,
  'numBlocks' | 'stacks' | 'blocks' | 'start' | 'scale' | 'detected'
> & {
  readonly curves: TrajectoryCurves;
};

export interface SimilarityScale {
  readonly axis: BlockAxis;
  readonly cka: (value: number) => number;
  readonly ckaTicks: readonly number[];
  readonly ckaText: (value: number) => string;
  /** All similarities are so near one that the ticks say cka − 1. */
  readonly nearOne: boolean;
}

export interface DifferencesScale {
  readonly difference: (value: number) => number;
  readonly differenceTicks: readonly number[];
  readonly differenceText: (value: number) => string;
}

export type TrajectoryScales = SimilarityScale & DifferencesScale;

export const trajectoryScales = (data: TrajectoryData, width: number): TrajectoryScales => ({
  ...similarityScale(data, width),
  ...differencesScale(data),
});

/** The axis and the upper panel, the same for every start. */
export function similarityScale(
  { numBlocks, stacks, curves }: Pick<TrajectoryData, 'numBlocks' | 'stacks' | 'curves'>,
  width: number,
): SimilarityScale {
  const own = curveNames(curves).flatMap((stream) => {
    const { low = [], high = [] } = curves.bounds?.[stream] ?? {};
    return present([...(curves.cka[stream] ?? []), ...low, ...high].flat());
  });
  const values = [...own, ...(curves.others ?? []).flatMap(({ cka }) => present(cka.flat()))];
  const { cka } = TRAJECTORY_ROWS;
  const lowest = Math.min(1 - LEAST_RANGE, ...values);
  const nearOne = lowest > NEAR_ONE;
  const scale = scaleLinear()
    .domain([lowest, Math.max(1, ...values)])
    .range([cka.top + cka.height, cka.top]);
  return {
    axis: blockAxis(numBlocks, width, { stacks }),
    cka: scale,
    ckaTicks: scale.ticks(4),
    nearOne,
    ckaText: nearOne ? (tick) => smallTick(tick - 1) : scale.tickFormat(4),
  };
}

export function differencesScale({
  curves,
  start,
  scale = 'run',
}: Pick<TrajectoryData, 'curves' | 'start' | 'scale'>): DifferencesScale {
  // Where the reading cannot tell runs, none has a scale of its own.
  return scale === 'all' || curves.undecided ? everyScale(curves) : runScale(curves, start);
}

/** The differences of one run over the whole panel, less the room for their values. */
function runScale(curves: TrajectoryCurves, start: number): DifferencesScale {
  const { top, height } = TRAJECTORY_ROWS.difference;
  const [low, high] = runDomain(curves, start);
  const scale = scaleLinear()
    .domain([low, high])
    .range([top + height - LABEL_ROOM, top + LABEL_ROOM]);
  // The grid goes on into the room for the values.
  const whole = [scale.invert(top + height), scale.invert(top)] as const;
  const ticks = scaleLinear().domain(whole).ticks(4);
  const step = Math.abs((ticks[1] ?? 1) - (ticks[0] ?? 0));
  return {
    difference: scale,
    differenceTicks: ticks,
    differenceText: textOfSteps(step, Math.max(...ticks.map(Math.abs))),
  };
}

/** From the smallest to the largest difference that the run's end depends on; never narrower than rounding errors. */
function runDomain(curves: TrajectoryCurves, start: number): readonly [low: number, high: number] {
  const end = runEnd(curves, start);
  const rise = end?.by === 'break' ? end.rise : null;
  const last = rise?.block ?? end?.last ?? start;
  const ofRun = present(curveRow(curves.differences, curves.stream, start).slice(start + 1, last + 1));
  if (!rise) return widened(Math.min(...ofRun, 0), Math.max(...ofRun, 0));
  const beside = curveNames(curves).flatMap((stream) => {
    const row = curveRow(curves.differences, stream, start);
    return present([row[rise.before.block] ?? null, row[rise.block] ?? null]);
  });
  const values = [...ofRun, ...beside];
  const room = WIDENED * Math.max(rise.delta - rise.before.delta, LEAST_RANGE);
  return widened(
    Math.max(Math.min(...values), rise.before.delta - room),
    Math.min(Math.max(...values), rise.delta + room),
  );
}

function widened(low: number, high: number): readonly [low: number, high: number] {
  const missing = LEAST_RANGE - (high - low);
  return missing > 0 ? [low - missing / 2, high + missing / 2] : [low, high];
}

/** Every difference of every start on a symmetric logarithm, linear below the smaller ones. */
function everyScale(curves: TrajectoryCurves): DifferencesScale {
  const { top, height } = TRAJECTORY_ROWS.difference;
  const ofOthers = (curves.others ?? []).flatMap(({ differences }) => present(differences.flat()));
  const own = curveNames(curves).flatMap((stream) => present(curves.differences[stream]?.flat()));
  const values = [...own, ...ofOthers];
  const small =
    quantile(
      values.map(Math.abs).filter((value) => value > 0),
      0.1,
    ) ?? 0;
  const constant = 10 ** Math.floor(Math.log10(Math.max(small, LEAST_RANGE)));
  const domain = [Math.min(0, ...values), Math.max(constant, ...values)] as const;
  const scale = scaleSymlog()
    .constant(constant)
    .domain(domain)
    .range([top + height, top]);
  const decades = Array.from({ length: 12 }, (_, i) => constant * 10 ** i);
  const ticks: number[] = [];
  // Zero first, then the outer ones: what is left out is what would stand too close to them.
  for (const tick of [0, ...decades.toReversed(), ...decades.map((decade) => -decade).toReversed()]) {
    const isInside = tick >= domain[0] && tick <= domain[1];
    if (isInside && ticks.every((one) => Math.abs(scale(one) - scale(tick)) >= TICK_GAP)) ticks.push(tick);
  }
  return { difference: scale, differenceTicks: ticks, differenceText: decadeText };
}

const present = (values: readonly (number | null)[] | undefined): number[] =>
  (values ?? []).filter((value) => value !== null);

/** Round numbers `step` apart, but for the error of their addition; exponents where zeros would fill the margin. */
function textOfSteps(step: number, largest: number): (value: number) => string {
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  if (decimals <= 4) return (value) => (Math.abs(value) < step / 1e3 ? '0' : value.toFixed(decimals));
  return (value) => {
    if (Math.abs(value) < step / 1e3) return '0';
    const digits = Math.max(0, Math.floor(Math.log10(largest) + 1e-9) - Math.floor(Math.log10(step) + 1e-9));
    return scientificText(value, digits);
  };
}

const decadeText = (value: number): string =>
  value === 0 || Math.abs(value) >= 0.001 ? String(Number(value.toPrecision(1))) : scientificText(value, 0);

/** "−2e−4": ticks are round numbers, but for the error of their addition. */
function smallTick(value: number): string {
  const round = Number(value.toPrecision(3));
  return Math.abs(round) < 1e-12 ? '0' : scientificText(round);
}
