/**
 * What the page hands to a chart and what a chart hands back. Every chart shares one block axis and one hover, reports
 * intents (`onAdd`, `onToggle`, …) and never owns the selection. All blocks are 0-based, all intervals inclusive.
 */
import type { ReactNode } from 'react';
import type { ReportStreams } from '@/lib/core/detection/index.ts';
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import type { BlockTrait, StreamId, StreamSpec } from '@/lib/core/model/architecture.ts';
import type { CalibrationFacts, CkaEstimator, Matrix, MatrixBounds, PerStream } from '@/lib/core/report/report.ts';
import type { AxisStack } from './block-axis.ts';
import type { BlockPart } from './stream-part.ts';

/** The block under the pointer or cursor anywhere on the page; in a heatmap `block` is the column and `other` the row. */
export interface Hover {
  readonly block: number | null;
  readonly other?: number | null;
}
export const NO_HOVER: Hover = { block: null, other: null };

/** The model's depth, as every chart needs it. */
export interface ChartDepth {
  readonly numBlocks: number;
  /** Left out where all blocks are one stack. */
  readonly stacks?: readonly AxisStack[] | undefined;
  /** As the model declares them: their order decides colours and rows. Memoise it. */
  readonly streams: readonly StreamSpec[];
  /** What each block updates; left out where that is not known. Memoise it. */
  readonly blocks?: readonly BlockPart[] | undefined;
  /** What some blocks have and others have not, as the model declares it: the order decides the marks. */
  readonly traits?: readonly BlockTrait[] | undefined;
}

export interface LinkedChartProps extends ChartDepth {
  /** Outer width in CSS pixels, from `useWidth`; 0 before the first measurement (the chart then keeps its height empty). */
  readonly width: number;
  readonly hovered: Hover;
  readonly onHover: (hover: Hover) => void;
  /** Chosen intervals, in any order, without overlap. */
  readonly selection: readonly BlockInterval[];
  readonly detected: readonly BlockInterval[];
}

export type IntervalEdge = 'first' | 'last';

/** A number, null where there is nothing to say ("n/a"), undefined while it is still being measured. */
export type Measured = number | null | undefined;

export interface ImpossibleRange extends BlockInterval {
  readonly reason: string;
}

export interface LayerStripProps extends LinkedChartProps {
  /** Held-out R² of each block's probe; null before any analysis. Short, sparse or missing arrays are partial results. */
  readonly probeR2: PerStream<readonly Measured[]> | null;
  /** What an analysis found about each block, a paragraph [M]; said on hover and on focus. Memoise it. */
  readonly findings?: readonly string[] | null | undefined;
  /** Blocks that may not be chosen, hatched, with the reason on hover. */
  readonly impossible?: readonly ImpossibleRange[];
  /** Share of the resamples that find a detected interval; null where nothing was resampled. */
  readonly foundIn?: ((interval: BlockInterval) => number | null) | undefined;
  /** In how many of several analyses an interval is detected; left out or null where one alone is shown. */
  readonly agreement?: Agreement | null | undefined;
  /** A new interval of at least two blocks, ends in order; it may overlap chosen ones, which then give way. */
  readonly onAdd: (interval: BlockInterval) => void;
  /** A detected interval to choose, or a chosen one to un-choose. */
  readonly onToggle: (interval: BlockInterval) => void;
  /** `block` is the new first or last block of a chosen interval, already inside its limits. */
  readonly onMoveEdge: (interval: BlockInterval, edge: IntervalEdge, block: number) => void;
  readonly onRemove: (interval: BlockInterval) => void;
  /** A row of its own below the cells, over the same axis: what makes blocks narrower. */
  readonly below?: { readonly height: number; readonly row: ReactNode } | null | undefined;
  /** Said in place of what is under the pointer; null where nothing is. */
  readonly note?: string | null | undefined;
  /** What the planner may do to blocks; left out where nothing is planned. Memoise it. */
  readonly rules?: StripRules | undefined;
}

export type StripRule = 'lock' | 'forbid';
export interface StripRules {
  /** Blocks that stay with all of their weights. */
  readonly locked: readonly number[];
  /** Blocks that no interval may hold, not even as its first. */
  readonly forbidden: readonly number[];
  /** What a click or a drag sets; null where it chooses intervals. */
  readonly marking: StripRule | null;
  /** Sets the rule for the blocks, or takes it from them where all have it. */
  readonly onMark: (blocks: BlockInterval, rule: StripRule) => void;
}

export interface Agreement {
  /** Analyses, that on the page included. */
  readonly of: number;
  readonly countOf: (interval: BlockInterval) => number;
}

export type ColourMap = 'viridis' | 'cividis';
/** Lowest and highest value of the colour ramp; give two heatmaps the same one (`ckaDomain`). */
export type Domain = readonly [low: number, high: number];

export interface CkaHeatmapProps extends LinkedChartProps {
  readonly stream: StreamSpec;
  /** CKA between the states after blocks i and j, [M][M]; null before it is measured. */
  readonly matrix: Matrix | null;
  /** Of `matrix`, from resampled prompts; left out or null where nothing was resampled. */
  readonly bounds?: MatrixBounds | null | undefined;
  readonly estimator: CkaEstimator;
  readonly domain: Domain;
  readonly colours?: ColourMap;
  readonly onAdd: (interval: BlockInterval) => void;
}

/** `mean`, or a stream by its id. */
export type TrajectoryStream = 'mean' | StreamId;

export type { ReportStreams };

/** One reading of a report for the mean and for every stream, [u][k], null for k < u and where a stream takes no part (see `trajectoryCurves`). */
export interface TrajectoryCurves {
  readonly cka: CurveMatrices;
  /** Δ(u, k), as the detection rule sees it. */
  readonly differences: CurveMatrices;
  /** As the model declares them. */
  readonly streams: readonly StreamSpec[];
  /** The stream that decides where intervals end: its line is the bold one and its other starts are the faint ones. */
  readonly stream: TrajectoryStream;
  /** Runs end where their stack ends; left out where all blocks are one stack. */
  readonly stacks?: readonly BlockInterval[] | undefined;
  /** The reading cannot tell where runs end (`readingProblem`): curves are drawn, breaks are not. */
  readonly undecided?: boolean | undefined;
  /** Bounds of cka(u, k) of a stream, [u][k] each, drawn as a shade; left out or null where nothing was resampled. */
  readonly bounds?: Readonly<Record<StreamId, MatrixBounds | null>> | undefined;
  /** The deciding stream's curves in other analyses of the model, drawn thin; left out where there are none. */
  readonly others?: readonly OtherCurves[] | undefined;
  /** How often resampled prompts give the same break; left out or null where that was not computed. */
  readonly found?: BreakShares | null | undefined;
}
/** cka(u, k) and Δ(u, k), [u][k] each. */
export interface OtherCurves {
  readonly cka: Matrix;
  readonly differences: Matrix;
}
export interface BreakShares {
  readonly resamples: number;
  /** For each start block the share of resamples whose run from there ends at the same block [u]; null where unknown. */
  readonly shares: readonly (number | null)[];
}
/** `run`: the differences of the run in focus fill the panel; `all`: every difference on a symmetric logarithm. */
export type DifferenceScale = 'run' | 'all';
export type CurveMatrices = { readonly mean: Matrix } & PerStream<Matrix>;

export interface TrajectoriesProps extends LinkedChartProps {
  /** Null before any analysis. Memoise it: a new object redraws the whole chart. */
  readonly curves: TrajectoryCurves | null;
  /** The start block u in focus. */
  readonly start: number;
  readonly onStart: (block: number) => void;
  /** Of the panel of differences; `run` by default. */
  readonly scale?: DifferenceScale | undefined;
  /** What ended the run from each start, in a sentence [u]; said of a start that is pointed at. Memoise it. */
  readonly startWords?: readonly string[] | undefined;
}

/** What an exported figure says below itself, so that it stands alone in a paper. */
export interface FigureFacts {
  readonly model: string;
  readonly calibration: CalibrationFacts;
  readonly estimator: CkaEstimator;
  /** That similarities are taken over. */
  readonly tokens: PerStream<number>;
  /** Why nothing is detected, or what to keep in mind, in sentences. */
  readonly caveat?: string | null;
  /** Further settings, one short phrase each: "surrogate: block u, then probes". */
  readonly settings?: readonly string[];
}
