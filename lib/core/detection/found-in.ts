/** In which share of a report's resamples the rule detects an interval, under the settings that it is read with. */
import type { BlockInterval } from '../interval/interval.ts';
import type { AnalysisReport, DetectionConfidence } from '../report/report.ts';
import type { DetectionSettings } from './settings.ts';

export type ResampledReport = Pick<AnalysisReport, 'confidence'>;

/** What the resamples give under these settings; null where none were drawn for them, as over all tokens. */
export function confidenceUnder(
  { confidence }: ResampledReport,
  { rows, estimator, start, target, streams }: DetectionSettings,
): DetectionConfidence | null {
  if (rows !== 'held-out') return null;
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
