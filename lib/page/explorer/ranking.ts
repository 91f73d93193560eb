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
import { beside, type EditSet, type RunSet, runEdit, sameEdit, type WidthEdit } from '@/lib/core/edit/index.ts';
import { type IntervalSet, intervalAt, NO_INTERVALS, removedCount, sameIntervals } from '@/lib/core/interval/index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { showPassing } from '../browser/notices.ts';
import { detectedIn } from './detection.ts';
import { choiceWords } from './edit-words.ts';
import { narrowerOf } from './edits.ts';
import { choose, gestureName, presentRuns, selectionStore } from './selection.ts';
import { type Settings, settingsStore } from './settings.ts';

interface Taken {
  /** `budget`: detected intervals in the order of the ranking; `least`: of all intervals, those of least total. */
  readonly by: 'budget' | 'least';
  readonly intervals: IntervalSet;
  /** Whether another ranking brought them, and nobody asked for them. */
  readonly followed: boolean;
}

/** Of a choice that follows the ranking. */
export const RANKING_GESTURE = 'ranking';

/** What was taken last; the present choice is of that making while it is these intervals. */
export const takenStore = createStore<Taken>(() => ({ by: 'budget', intervals: NO_INTERVALS, followed: false }));

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

/**
 * The report ranks intervals otherwise than it did, or than the one before it. Nobody asked for other intervals, so that the present ones stay
 * where others would take away what makes blocks narrower.
 */
export function followRanking(report: AnalysisReport): void {
  const chosen = presentRuns();
  const { by, intervals } = takenStore.getState();
  if (chosen.length === 0 || !sameIntervals(chosen, intervals)) return;
  const next = taken(report, removedCount(chosen), by);
  const { selection, model } = selectionStore.getState();
  if (lostFrom(selection.present, beside(next.edits, selection.present, model)).length > 0) return;
  takenStore.setState({ by, intervals: next.intervals, followed: true });
  choose({ type: 'choose-runs', edits: next.edits, gesture: RANKING_GESTURE });
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
  const { intervals, edits } = taken(report, count, by);
  takenStore.setState({ by, intervals, followed: false });
  choose({ type: 'choose-runs', edits, gesture });
  const { past, present, gesture: latest } = selectionStore.getState().selection;
  const lost = latest === gesture ? lostFrom(past.at(-1) ?? present, present) : [];
  if (lost.length === 0) return;
  showPassing('choice', 'info', `No longer chosen: ${choiceWords(lost)}`, {
    hint: 'The intervals take these blocks away or clash with these edits. Undo brings them back.',
  });
}

function taken(report: AnalysisReport, count: number, by: Taken['by']): Pick<Taken, 'intervals'> & { edits: RunSet } {
  const { detection, score, replaceBy } = settingsStore.getState();
  const intervals =
    by === 'least'
      ? chooseLeastDamage(report, report.model, count, leastScoreOf(report, detection).score, detection)
      : chooseByBudget(ranked(report, score, detection), count);
  // A run that grows, shrinks or stays keeps what replaces it.
  const before = presentRuns();
  return {
    intervals,
    edits: intervals.map((interval) => runEdit(interval, intervalAt(before, interval.first)?.by ?? replaceBy)),
  };
}

/** What makes blocks narrower and is not there any more, or of fewer blocks. */
function lostFrom(before: EditSet, after: EditSet): WidthEdit[] {
  return narrowerOf(before).filter((edit) => !after.some((one) => sameEdit(one, edit)));
}
