/**
 * The slider's choice: so many blocks, by detected intervals in the order of their predicted damage. When the ranking
 * changes, by another score or reading or by damage that has been measured since, the slider's choice is made anew by the
 * new ranking. A choice that was made in any other way stays, even where the slider would have made the same.
 */
import { chooseByBudget, type DetectionSettings, rankByDamage } from '@/lib/core/detection/index.ts';
import { type IntervalSet, NO_INTERVALS, removedCount, sameIntervals } from '@/lib/core/interval/index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { detectedIn } from './detection.ts';
import { choose, gestureName, selectionStore } from './selection.ts';
import { type Settings, settingsStore } from './settings.ts';

/** What the slider took last; the present choice is the slider's while it is this one. */
let taken: IntervalSet = NO_INTERVALS;

/** Takes so many blocks out by the present ranking. */
export function takeBlocks(report: AnalysisReport, count: number): void {
  take(report, count, gestureName('budget'));
}

/** Another score, or another reading of the report: intervals are found and ranked anew. */
export function setRanking(report: AnalysisReport | null, change: Partial<Pick<Settings, 'detection' | 'score'>>) {
  settingsStore.setState(change);
  if (report) followRanking(report);
}

export function setDetection(report: AnalysisReport | null, change: Partial<DetectionSettings>): void {
  setRanking(report, { detection: { ...settingsStore.getState().detection, ...change } });
}

/** The report ranks intervals otherwise than it did, or than the one before it. */
export function followRanking(report: AnalysisReport): void {
  const chosen = selectionStore.getState().selection.present;
  if (chosen.length > 0 && sameIntervals(chosen, taken)) take(report, removedCount(chosen), 'ranking');
}

function take(report: AnalysisReport, count: number, gesture: string): void {
  const { detection, score } = settingsStore.getState();
  const ranked = rankByDamage(report, detectedIn(report, detection), score, detection);
  taken = chooseByBudget(ranked, count);
  choose({ type: 'choose', intervals: taken, gesture });
}
