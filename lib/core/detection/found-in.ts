/** In which share of a report's resamples the rule detects an interval, under the settings that it is read with. */
import type { BlockInterval } from '../interval/interval.ts';
import type { AnalysisReport, DetectionConfidence } from '../report/report.ts';
import { type ReadableReport, readingProblem } from './reading.ts';
import type { DetectionSettings } from './settings.ts';

export type ResampledReport = Pick<AnalysisReport, 'confidence'> & ReadableReport;

/**
 * What the resamples give under these settings; null where none were drawn for them, as over all tokens, and where the
 * report cannot be read so: shares of intervals that no reading gives say nothing.
 */
export function confidenceUnder(report: ResampledReport, settings: DetectionSettings): DetectionConfidence | null {
  const { rows, estimator, start, target, streams } = settings;
  if (rows !== 'held-out') return null;
  if (readingProblem(report, settings)) return null;
  const found = report.confidence?.detections.find(
    (one) => one.estimator === estimator && one.start === start && one.target === target && one.streams === streams,
  );
  return found ?? null;
}

/** 0 for an interval that no resample has; null where nothing was resampled. */
export function foundIn(report: ResampledReport, settings: DetectionSettings, interval: BlockInterval): number | null {
  return shareIn(confidenceUnder(report, settings), interval);
}

/** The same of what `confidenceUnder` gave, for many intervals under the same settings. */
export function shareIn(found: DetectionConfidence | null, { first, last }: BlockInterval): number | null {
  return found && (found.intervals.find((one) => one.first === first && one.last === last)?.share ?? 0);
}
