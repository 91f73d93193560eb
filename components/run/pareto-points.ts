/** The tried subsets of a run as points of the Pareto chart, and in words. Pure. */
import type { ParetoPoint, ParetoQuality } from '@/components/charts/draw-pareto.ts';
import { type JobView, type RunView, type SubsetView, subsetKey } from '@/lib/core/run/index.ts';
import { wilsonInterval } from '@/lib/core/wilson-interval.ts';
import { countedRangeWords, countedWords, shareRangeWords } from '@/lib/page/browser/confidence-words.ts';
import { countWords, percentWords } from '@/lib/page/browser/number-words.ts';
import { subsetCost, subsetWords, trainedParts } from '@/lib/page/run/plugged.ts';

/** Facts where the model draws, the output error where it can not. */
export const qualityFor = ({ model }: Pick<RunView, 'model'>): ParetoQuality => (model.drawable ? 'facts' : 'error');

export function paretoPoints(subsets: readonly SubsetView[], quality: ParetoQuality): ParetoPoint[] {
  return subsets.flatMap((subset) => {
    const value = quality === 'facts' ? factShare(subset) : subset.outputError;
    if (value === null || !Number.isFinite(value)) return [];
    const kind = subset.fineTuned ? 'fine-tuned' : subset.plugged.length === 0 ? 'teacher' : 'subset';
    const { facts, outputErrorBounds = null, parameters } = subset;
    const bounds = quality === 'error' ? outputErrorBounds : facts && wilsonInterval(facts.held, facts.total);
    return [{ key: subsetKey(subset), kind, cost: parameters, value, bounds }] satisfies ParetoPoint[];
  });
}

export function factShare({ facts }: SubsetView): number | null {
  return facts && facts.total > 0 ? facts.held / facts.total : null;
}

/** Of the run with everything plugged in: the left end of the axis. Of its students where more cannot be told. */
export function fewestParameters(view: RunView): number {
  const ofKind = (kinds: readonly JobView['kind'][]) => {
    const plugged = view.jobs.filter(({ kind }) => kinds.includes(kind)).map(({ key }) => key);
    return subsetCost(view, { plugged, fineTuned: false }).parameters;
  };
  return ofKind(['student', 'maps', 'modulations']) ?? ofKind(['student']) ?? view.model.parameters;
}

/** "3–4, 7–10: 4.02 M parameters, 232 of 256 facts (86–94 %), output error 3.2 % (2.9–3.6 %)". */
export function pointWords(view: RunView, subset: SubsetView): string {
  const { facts, outputErrorBounds } = subset;
  const all = !subset.fineTuned && subset.plugged.length > 1 && subset.plugged.length === trainedParts(view).length;
  const parts = [`${countWords(subset.parameters)} parameters`];
  if (facts && facts.total > 0) parts.push(`${countedWords(facts)} facts (${countedRangeWords(facts)})`);
  const range = outputErrorBounds ? ` (${shareRangeWords(outputErrorBounds)})` : '';
  parts.push(`output error ${percentWords(subset.outputError)}${range}`);
  return `${all ? allWords(view) : subsetWords(subset)}: ${parts.join(', ')}`;
}

const allWords = (view: RunView) =>
  trainedParts(view).every(({ kind }) => kind === 'student') ? 'all students' : 'everything trained';
