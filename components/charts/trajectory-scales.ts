/**
 * The shared geometry of the two trajectory panels: where the rows lie and how cka and Δ map to pixels. One scale serves
 * every start block, so that moving the start moves the curve and not the ruler; the zoomed range is for reading a break.
 */
import { scaleLinear } from 'd3';
import { type BlockAxis, blockAxis } from './block-axis.ts';
import { scientificText } from './number-text.ts';
import { curveNames, curveRow, runEnd } from './trajectory-curves.ts';
import type { TrajectoriesProps, TrajectoryCurves } from './types.ts';

export const TRAJECTORY_ROWS = {
  label: { top: 0, height: 16 },
  brackets: { top: 17, height: 6 },
  cka: { top: 28, height: 138 },
  difference: { top: 190, height: 92 },
  numbers: { top: 287, height: 20 },
  start: { top: 304, height: 20 },
  readout: { top: 327, height: 20 },
} as const;
export const TRAJECTORIES_HEIGHT = 348;
/** Variations below this are rounding errors of the measurement: no scale zooms into them. */
const LEAST_RANGE = 1e-5;
/** When every similarity is this near one, the axis shows what is missing to one. */
const NEAR_ONE = 0.998;
/** How far past the break the zoomed scale looks. */
const PAST_BREAK = 2;

export type TrajectoryData = Pick<
  TrajectoriesProps,
  'numBlocks' | 'stacks' | 'blocks' | 'start' | 'range' | 'selection' | 'detected'
> & {
  readonly curves: TrajectoryCurves;
};

export interface TrajectoryScales {
  readonly axis: BlockAxis;
  /** The last block k that the scales make room for; curves end there. */
  readonly lastSeen: number;
  readonly cka: (value: number) => number;
  readonly difference: (value: number) => number;
  readonly ckaTicks: readonly number[];
  readonly differenceTicks: readonly number[];
  /** All similarities are so near one that the ticks say cka − 1. */
  readonly nearOne: boolean;
  readonly ckaText: (value: number) => string;
  readonly differenceText: (value: number) => string;
}

export function trajectoryScales(data: TrajectoryData, width: number): TrajectoryScales {
  const { start, numBlocks, curves } = data;
  const zoomed = data.range === 'break';
  const lastBlock = numBlocks - 1;
  const lastSeen = zoomed ? Math.min(lastBlock, (runEnd(curves, start)?.last ?? lastBlock) + PAST_BREAK) : lastBlock;
  const seen = (matrices: TrajectoryCurves['cka']) =>
    curveNames(curves)
      .flatMap((stream) => (zoomed ? [curveRow(matrices, stream, start)] : [...(matrices[stream] ?? [])]))
      .flatMap((row) => row.slice(0, lastSeen + 1))
      .filter((value) => value !== null);
  const values = seen(curves.cka);
  const drops = seen(curves.differences);
  const { cka, difference } = TRAJECTORY_ROWS;
  const lowest = Math.min(1 - LEAST_RANGE, ...values);
  const nearOne = lowest > NEAR_ONE;
  const upper = scaleLinear()
    .domain([lowest, Math.max(1, ...values)])
    .range([cka.top + cka.height, cka.top]);
  const lower = scaleLinear()
    .domain([Math.min(0, ...drops), Math.max(LEAST_RANGE, ...drops)])
    .range([difference.top + difference.height, difference.top])
    .nice(3);
  return {
    axis: blockAxis(numBlocks, width, { stacks: data.stacks }),
    lastSeen,
    cka: upper,
    difference: lower,
    ckaTicks: upper.ticks(4),
    differenceTicks: lower.ticks(3),
    nearOne,
    ckaText: nearOne ? (tick) => smallTick(tick - 1) : upper.tickFormat(4),
    differenceText: Math.max(...lower.domain().map(Math.abs)) < 0.002 ? smallTick : lower.tickFormat(3),
  };
}

/** "−2e−4": ticks are round numbers, but for the error of their addition. */
function smallTick(value: number): string {
  const round = Number(value.toPrecision(3));
  return Math.abs(round) < 1e-12 ? '0' : scientificText(round);
}
