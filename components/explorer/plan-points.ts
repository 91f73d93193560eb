/**
 * Planned and measured choices as points of one chart: what is left of the model against what it still does. A plan that
 * was measured is one point, a measured one. Pure.
 */
import type { ParetoPoint, ParetoQuality } from '@/components/charts';
import { formatEditParam, replacementWord } from '@/lib/core/edit/index.ts';
import { removedCount } from '@/lib/core/interval/index.ts';
import type { PlannedModel } from '@/lib/core/plan/index.ts';
import {
  amountWords,
  type CostScale,
  type Prediction,
  type PredictionFit,
  predictedDamage,
} from '@/lib/core/planner/index.ts';
import { wilsonInterval } from '@/lib/core/wilson-interval.ts';
import { countedRangeWords, countedWords, shareRangeWords } from '@/lib/page/browser/confidence-words.ts';
import { percentWords } from '@/lib/page/browser/number-words.ts';
import { isCounted, type MeasuredChoice } from '@/lib/page/explorer/choice-quality.ts';
import type { PageEdit } from '@/lib/page/explorer/edits.ts';

export interface PointScales {
  readonly scale: CostScale;
  /** Null where the report predicts nothing. */
  readonly prediction: Prediction | null;
  readonly fit: PredictionFit | null;
}

export const choiceKey = (edits: readonly PageEdit[]): string => formatEditParam(edits, 'nothing');

export function costOf({ before, saves }: CostScale, edits: readonly PageEdit[]): number {
  return edits.reduce((left, edit) => left - saves(edit), before);
}

/** Facts only where all captions were drawn: the others' count still moves. */
export function planPoints(
  measured: readonly MeasuredChoice[],
  /** The front's plans, and the present choice. */
  planned: readonly (readonly PageEdit[])[],
  quality: ParetoQuality,
  scales: PointScales,
): ParetoPoint[] {
  const known = measured.flatMap(({ edits, damage, facts }) => {
    const value =
      quality === 'facts' ? countOf(facts) : quality === 'error' ? errorOf(edits, damage) : predictedOf(edits, scales);
    if (value === null) return [];
    const kind = edits.length === 0 ? 'teacher' : 'subset';
    return [{ key: choiceKey(edits), kind, cost: costOf(scales.scale, edits), ...value }] satisfies ParetoPoint[];
  });
  const keys = new Set(known.map(({ key }) => key));
  const others = planned.flatMap((edits) => {
    const key = choiceKey(edits);
    if (keys.has(key)) return [];
    const value =
      quality === 'facts' ? null : quality === 'error' ? correctedOf(edits, scales) : predictedOf(edits, scales);
    if (value === null) return [];
    keys.add(key);
    const kind = edits.length === 0 ? 'teacher' : 'planned';
    return [{ key, kind, cost: costOf(scales.scale, edits), ...value }] satisfies ParetoPoint[];
  });
  return [...known, ...others];
}

type Value = Pick<ParetoPoint, 'value' | 'bounds'> | null;

function countOf(facts: MeasuredChoice['facts']): Value {
  if (!isCounted(facts) || facts.total === 0) return null;
  return { value: facts.held / facts.total, bounds: wilsonInterval(facts.held, facts.total) };
}

function errorOf(edits: readonly PageEdit[], damage: MeasuredChoice['damage']): Value {
  // The whole model is its own reference.
  if (edits.length === 0) return { value: 0, bounds: null };
  if (!damage || damage.outputError === null) return null;
  return { value: damage.outputError, bounds: damage.bounds };
}

function predictedOf(edits: readonly PageEdit[], { prediction }: PointScales): Value {
  const value = prediction && predictedDamage(prediction, edits);
  return prediction && value !== null ? { value, bounds: prediction.boundsOf(edits) } : null;
}

/** In the place where the measured choices say that it would be. */
function correctedOf(edits: readonly PageEdit[], scales: PointScales): Value {
  const predicted = predictedOf(edits, scales);
  const { correct = null } = scales.fit ?? {};
  return correct && predicted ? { value: correct(predicted.value), bounds: null } : null;
}

/**
 * "3–4, 7–9 probes: 13 blocks, 4.02 M parameters, predicted damage 0.021, 232 of 256 facts (86–94 %), output error 14 %
 * (12.8–15.6 %)".
 */
export function planWords(
  { numBlocks }: Pick<PlannedModel, 'numBlocks'>,
  { edits, damage, facts }: Pick<MeasuredChoice, 'edits'> & Partial<MeasuredChoice>,
  scales: PointScales,
): string {
  const { scale } = scales;
  const parts = [`${numBlocks - removedCount(edits)} blocks`, amountWords(scale.kind, costOf(scale, edits))];
  const predicted = edits.length === 0 ? null : predictionWords(edits, scales);
  if (predicted) parts.push(predicted);
  if (facts && isCounted(facts) && facts.total > 0) {
    parts.push(`${countedWords(facts)} facts (${countedRangeWords(facts)})`);
  }
  if (damage) {
    const range = damage.bounds ? ` (${shareRangeWords(damage.bounds)})` : '';
    parts.push(`output error ${percentWords(damage.outputError)}${range}`);
  }
  return `${editsWords(edits)}: ${parts.join(', ')}`;
}

/** "predicted damage 0.021, or about 12 % output error"; null where nothing is predicted. */
export function predictionWords(edits: readonly PageEdit[], scales: PointScales): string | null {
  const value = predictedOf(edits, scales);
  if (!value || !scales.prediction) return null;
  const { isShare } = scales.prediction;
  const range = value.bounds ? ` (${isShare ? shareRangeWords(value.bounds) : rangeWords(value.bounds)})` : '';
  const corrected = correctedOf(edits, scales);
  const about = corrected ? `, or about ${percentWords(corrected.value)} output error` : '';
  return `predicted damage ${damageWords(value.value, isShare)}${range}${about}`;
}

export const damageWords = (damage: number, isShare: boolean): string =>
  isShare ? percentWords(damage) : Number(damage.toPrecision(3)).toString();

const rangeWords = ({ low, high }: { readonly low: number; readonly high: number }) =>
  `${damageWords(low, false)}–${damageWords(high, false)}`;

/** "3–4, 7–9 probes"; "the whole model". */
export function editsWords(edits: readonly PageEdit[]): string {
  if (edits.length === 0) return 'the whole model';
  return edits
    .map(({ first, last, by }) => `${first}–${last}${by === 'nothing' ? '' : ` ${replacementWord(by)}`}`)
    .join(', ');
}
