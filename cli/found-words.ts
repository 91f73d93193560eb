/** How often resamples of the held-out prompts find intervals, as one line for people. */
import { type DetectionSettings, foundIn } from '../lib/core/detection/index.ts';
import type { BlockInterval } from '../lib/core/interval/index.ts';
import type { AnalysisReport } from '../lib/core/report/index.ts';
import { shareText } from '../lib/core/share-text.ts';

/** Null where nothing was resampled, or there are no intervals. */
export function foundWords(
  report: AnalysisReport | null,
  settings: DetectionSettings,
  intervals: readonly BlockInterval[],
): string | null {
  if (!report?.confidence || intervals.length === 0) return null;
  const { resamples, groups } = report.confidence;
  const shares = intervals.map((interval) => ({ interval, share: foundIn(report, settings, interval) }));
  if (shares.some(({ share }) => share === null)) return null;
  const words = shares.map(({ interval: { first, last }, share }) => `${first}–${last} ${shareText(share!)}`);
  return `found in resamples (${resamples} of ${groups} held-out prompt groups): ${words.join(', ')}`;
}
