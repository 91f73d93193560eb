/** The curves that the trajectories chart draws, one reading of a report: per stream and for their mean. */
import { type DetectionSettings, differencesOf, lastBeforeBreak, trajectoryOf } from '@/lib/core/detection/index.ts';
import type { Matrix } from '@/lib/core/report/report.ts';
import type { ReportStreams, TrajectoryCurves, TrajectoryStream } from './types.ts';

/** All three streams under the same estimator, start and target; `settings.streams` is the one that decides. */
export function trajectoryCurves(report: ReportStreams, settings: DetectionSettings): TrajectoryCurves {
  const perStream = (read: (report: ReportStreams, settings: DetectionSettings) => Matrix) => {
    const of = (streams: TrajectoryStream) => read(report, { ...settings, streams });
    return { mean: of('mean'), image: of('image'), text: of('text') };
  };
  return { cka: perStream(trajectoryOf), differences: perStream(differencesOf), stream: settings.streams };
}

/** The last block of the run that begins at `start`, or null when the run ends with the model. */
export function breakAfter({ differences, stream }: TrajectoryCurves, start: number): number | null {
  const row = differences[stream][start];
  if (!row) return null;
  const last = lastBeforeBreak(row, start);
  return last >= row.length - 1 ? null : last;
}
