/** The curves that the trajectories chart draws, one reading of a report: per stream and for their mean. */
import {
  type DetectionSettings,
  differencesOf,
  firstRise,
  type Rise,
  readingProblem,
  trajectoryOf,
} from '@/lib/core/detection/index.ts';
import { stackAround } from '@/lib/core/interval/index.ts';
import type { StreamSpec } from '@/lib/core/model/architecture.ts';
import type { AnalysisReport, Matrix, ReportModel } from '@/lib/core/report/report.ts';
import type { CurveMatrices, ReportStreams, TrajectoryCurves, TrajectoryStream } from './types.ts';

/** The mean and every stream under the same estimator, start and target; `settings.streams` is the one that decides. */
export function trajectoryCurves(
  report: Pick<AnalysisReport, 'streams'> & { readonly model: Pick<ReportModel, 'streams' | 'stacks' | 'width'> },
  settings: DetectionSettings,
): TrajectoryCurves {
  const { streams, stacks } = report.model;
  const perStream = (read: (report: ReportStreams, settings: DetectionSettings) => Matrix): CurveMatrices => {
    const of = (choice: TrajectoryStream) => read(report, { ...settings, streams: choice });
    return { mean: of('mean'), ...Object.fromEntries(streams.map(({ id }) => [id, of(id)])) };
  };
  return {
    cka: perStream(trajectoryOf),
    differences: perStream(differencesOf),
    streams,
    stream: settings.streams,
    stacks,
    undecided: readingProblem(report, settings) !== null,
    bounds: Object.fromEntries(
      streams.map(({ id }) => {
        const { rows, estimator, start, target } = settings;
        const bounds = report.streams[id]?.similarity[rows]?.bounds ?? null;
        return [id, bounds?.trajectories[estimator][`${start}/${target}`] ?? null];
      }),
    ),
  };
}

/** The mean first, then the streams in the order in which the model declares them. */
export const curveNames = ({ streams }: Pick<TrajectoryCurves, 'streams'>): readonly TrajectoryStream[] => [
  'mean',
  ...streams.map(({ id }) => id),
];

/** "mean", or the stream's label. */
export const curveLabel = ({ streams }: Pick<TrajectoryCurves, 'streams'>, name: TrajectoryStream): string =>
  streams.find(({ id }) => id === name)?.label ?? name;

/** Δ or cka from a start block on; empty where the reading has no such curve. */
export const curveRow = (matrices: CurveMatrices, name: TrajectoryStream, start: number): Matrix[number] =>
  matrices[name]?.[start] ?? [];

/** The streams that have a value at (start, k): a stream that takes no part there is not in the mean either. */
export function streamsInMean({ cka, streams }: TrajectoryCurves, start: number, k: number): readonly StreamSpec[] {
  return streams.filter(({ id }) => typeof cka[id]?.[start]?.[k] === 'number');
}

/** Where the run that begins at a block ends, and what ends it. */
export type RunEnd =
  | { readonly last: number; readonly by: 'break'; readonly rise: Rise }
  | { readonly last: number; readonly by: 'seam' | 'model' };

/** Null where there is no such curve, or where the reading cannot tell. */
export function runEnd({ differences, stream, stacks, undecided }: TrajectoryCurves, start: number): RunEnd | null {
  const row = differences[stream]?.[start];
  if (!row || undecided) return null;
  const stack = stackAround(start, { numBlocks: row.length, stacks: stacks ?? [] });
  const rise = firstRise(row.slice(0, stack.last + 1), start);
  if (rise) return { last: rise.block - 1, by: 'break', rise };
  return { last: stack.last, by: stack.last === row.length - 1 ? 'model' : 'seam' };
}
