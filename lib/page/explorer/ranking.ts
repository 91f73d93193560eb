/**
 * Choices by a number of blocks: the slider's, of detected intervals in the order of their predicted damage, and the one of
 * least total. When the ranking changes, by another score or reading or by damage that has been measured since, such a
 * choice is made anew. A choice that was made in any other way stays, even where the slider would have made the same.
 */
import { createStore } from 'zustand/vanilla';
import {
  chooseByBudget,
  chooseLeastDamage,
  type DamageScore,
  DEFAULT_DAMAGE_SCORE,
  type DetectionSettings,
  leastScore,
  rankByDamage,
  type UsableScore,
  usableScore,
} from '@/lib/core/detection/index.ts';
import { runEdit } from '@/lib/core/edit/index.ts';
import { type IntervalSet, intervalAt, NO_INTERVALS, removedCount, sameIntervals } from '@/lib/core/interval/index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { detectedIn } from './detection.ts';
import { choose, gestureName, presentRuns } from './selection.ts';
import { type Settings, settingsStore } from './settings.ts';

interface Taken {
  /** `budget`: detected intervals in the order of the ranking; `least`: of all intervals, those of least total. */
  readonly by: 'budget' | 'least';
  readonly intervals: IntervalSet;
}

/** What was taken last; the present choice is of that making while it is these intervals. */
export const takenStore = createStore<Taken>(() => ({ by: 'budget', intervals: NO_INTERVALS }));

/** Takes so many blocks out by the present ranking. */
export function takeBlocks(report: AnalysisReport, count: number): void {
  take(report, count, 'budget', gestureName('budget'));
}

/** As many blocks as are chosen, by the intervals of least total damage, detected or not. */
export function takeLeast(report: AnalysisReport): void {
  take(report, removedCount(presentRuns()), 'least', gestureName('least'));
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
  const chosen = presentRuns();
  const { by, intervals } = takenStore.getState();
  if (chosen.length > 0 && sameIntervals(chosen, intervals)) take(report, removedCount(chosen), by, 'ranking');
}

/** What the choice of least total goes by. */
export function leastScoreOf(report: AnalysisReport, detection: DetectionSettings): UsableScore {
  return leastScore(report, report.model, detection);
}

/** What detected intervals are ranked by: nothing stands in for a score that was asked for by name. */
export function rankingScore(report: AnalysisReport, wanted: DamageScore, detection: DetectionSettings): UsableScore {
  if (wanted !== DEFAULT_DAMAGE_SCORE) return { score: wanted, standsInFor: null };
  return usableScore(report, detectedIn(report, detection), wanted, detection);
}

/** Detected intervals in the slider's order. */
function ranked(report: AnalysisReport, wanted: DamageScore, detection: DetectionSettings) {
  const { score } = rankingScore(report, wanted, detection);
  return rankByDamage(report, detectedIn(report, detection), score, detection);
}

function take(report: AnalysisReport, count: number, by: Taken['by'], gesture: string): void {
  const { detection, score, replaceBy } = settingsStore.getState();
  const intervals =
    by === 'least'
      ? chooseLeastDamage(report, report.model, count, leastScoreOf(report, detection).score, detection)
      : chooseByBudget(ranked(report, score, detection), count);
  takenStore.setState({ by, intervals });
  // A run that grows, shrinks or stays keeps what replaces it.
  const before = presentRuns();
  const edits = intervals.map((interval) => runEdit(interval, intervalAt(before, interval.first)?.by ?? replaceBy));
  choose({ type: 'choose-runs', edits, gesture });
}
