/** In which share of a report's resamples the rule detects an interval, under the settings that it is read with. */
import type { BlockInterval } from '../interval/interval.ts';
import type { AnalysisReport, DetectionConfidence } from '../report/report.ts';
import { type ReadableReport, readingProblem } from './reading.ts';
import type { DetectionSettings } from './settings.ts';

/** Without its streams a report is taken as one that can be read: the caller has looked. */
export type ResampledReport = Pick<AnalysisReport, 'confidence'> & Partial<ReadableReport>;

/**
 * What the resamples give under these settings; null where none were drawn for them, as over all tokens, and where the
 * report cannot be read so: shares of intervals that no reading gives say nothing.
 */
export function confidenceUnder(
  { confidence, ...report }: ResampledReport,
  settings: DetectionSettings,
): DetectionConfidence | null {
  const { rows, estimator, start, target, streams } = settings;
  if (rows !== 'held-out') return null;
  if (report.streams && readingProblem({ ...report, streams: report.streams }, settings)) return null;
  const found = confidence?.detections.find(
    (one) => one.estimator === estimator && one.start === start && one.target === target && one.streams === streams,
  );
  return found ?? null;
}

/** 0 for an interval that no resample has; null where nothing was resampled. */
export function foundIn(
  report: ResampledReport,
  settings: DetectionSettings,
  { first, last }: BlockInterval,
): number | null {
  const found = confidenceUnder(report, settings);
  return found && (found.intervals.find((one) => one.first === first && one.last === last)?.share ?? 0);
}
