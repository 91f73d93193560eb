/** The curves that the trajectories chart draws, one reading of a report: per stream and for their mean. */
import {
  type DetectableReport,
  type DetectionSettings,
  differencesOf,
  lastBeforeBreak,
  trajectoryOf,
} from '@/lib/core/detection/index.ts';
import { stackAround } from '@/lib/core/interval/index.ts';
import type { Matrix, Stream } from '@/lib/core/report/report.ts';
import { streamsOf } from './stream-part.ts';
import type { ReportStreams, TrajectoryCurves, TrajectoryStream } from './types.ts';

/** The mean and every stream under the same estimator, start and target; `settings.streams` is the one that decides. */
export function trajectoryCurves(report: DetectableReport, settings: DetectionSettings): TrajectoryCurves {
  const perStream = (read: (report: ReportStreams, settings: DetectionSettings) => Matrix) => {
    const of = (streams: TrajectoryStream) => read(report, { ...settings, streams });
    const each = Object.fromEntries(streamsOf(report.streams).map((stream) => [stream, of(stream)]));
    return { mean: of('mean'), ...(each as Record<Stream, Matrix>) };
  };
  return {
    cka: perStream(trajectoryOf),
    differences: perStream(differencesOf),
    stream: settings.streams,
    seams: report.model?.seams,
  };
}

/** The mean first, then the streams in the report's order. */
export const curveNames = ({ cka }: Pick<TrajectoryCurves, 'cka'>): readonly TrajectoryStream[] => streamsOf(cka);

/** The streams that have a value at (start, k): a stream that takes no part there is not in the mean either. */
export function streamsInMean(curves: TrajectoryCurves, start: number, k: number): readonly Stream[] {
  const streams = curveNames(curves).filter((name) => name !== 'mean');
  return streams.filter((stream) => typeof curves.cka[stream][start]?.[k] === 'number');
}

/** Where the run that begins at `start` ends, and what ends it. */
export interface RunEnd {
  readonly last: number;
  readonly by: 'break' | 'seam' | 'model';
}

export function runEnd({ differences, stream, seams }: TrajectoryCurves, start: number): RunEnd | null {
  const row = differences[stream][start];
  if (!row) return null;
  const stack = stackAround(start, { numBlocks: row.length, seams });
  const last = lastBeforeBreak(row.slice(0, stack.last + 1), start);
  if (last < stack.last) return { last, by: 'break' };
  return { last, by: stack.last === row.length - 1 ? 'model' : 'seam' };
}
