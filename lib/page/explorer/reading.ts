/** What the page says about the tokens that the present reading takes, beside every figure of it. Pure. */
import {
  caveatWords,
  confidenceUnder,
  type DetectionSettings,
  problemWords,
  readingProblem,
} from '@/lib/core/detection/index.ts';
import type { AnalysisReport, PerStream, Rows } from '@/lib/core/report/report.ts';
import { countWords } from '@/lib/page/browser/number-words.ts';

/** Why nothing is detected, or what to keep in mind; null where there is neither. */
export function readingWords(report: AnalysisReport, settings: DetectionSettings): string | null {
  const problem = readingProblem(report, settings);
  return problem ? problemWords(problem, report) : caveatWords(report, settings);
}

/** Why no shares or bounds of resamples stand beside the present reading; null where they do, or where the report has none at all. */
export function whyNotResampled(
  report: Pick<AnalysisReport, 'confidence' | 'streams' | 'model'>,
  settings: DetectionSettings,
): string | null {
  if (!report.confidence || readingProblem(report, settings) || confidenceUnder(report, settings)) return null;
  return settings.rows === 'all'
    ? 'No bounds: only held-out tokens are resampled.'
    : 'No bounds: only the comparison with the model after block k is resampled.';
}

/** Tokens of each stream that similarities are taken over. */
export function tokensRead(report: AnalysisReport, { rows }: Pick<DetectionSettings, 'rows'>): PerStream<number> {
  return Object.fromEntries(
    Object.entries(report.streams).map(([stream, { similarity }]) => [stream, similarity[rows]?.rows ?? 0]),
  );
}

/** "in batches of 512", where the tokens of a stream were too many to be compared at once; else null. */
export function batchesWords(report: AnalysisReport, { rows }: Pick<DetectionSettings, 'rows'>): string | null {
  const sizes = Object.values(report.streams).flatMap(({ similarity }) => similarity[rows]?.batchRows ?? []);
  return sizes.length === 0 ? null : `in batches of ${countWords(Math.max(...sizes))}`;
}

/** "held out", as figures and captions say which tokens they read. */
export const rowsWords = (rows: Rows): string => (rows === 'held-out' ? 'held out' : 'all');
