/**
 * Planned and measured choices as points of one chart: what is left of the model against what it still does. A plan that
 * was measured is one point, a measured one. Pure.
 */
import type { ParetoPoint, ParetoQuality } from '@/components/charts';
import { runsOf } from '@/lib/core/edit/index.ts';
import { removedCount } from '@/lib/core/interval/index.ts';
import type { PlannedModel } from '@/lib/core/plan/index.ts';
import {
  amountWords,
  type ChoiceScaleRequest,
  type ChoiceScales,
  type CostScale,
  choiceKey,
  choiceScales,
  type Prediction,
  type PredictionFit,
} from '@/lib/core/planner/index.ts';
import { wilsonInterval } from '@/lib/core/wilson-interval.ts';
import { countedRangeWords, countedWords, shareRangeWords } from '@/lib/page/browser/confidence-words.ts';
import { engineWords } from '@/lib/page/browser/engine-words.ts';
import { percentWords } from '@/lib/page/browser/number-words.ts';
import { isCounted } from '@/lib/page/explorer/choice-quality.ts';
import { choiceWords } from '@/lib/page/explorer/edit-words.ts';
import type { PageEdit } from '@/lib/page/explorer/edits.ts';
import type { MeasuredChoice } from '@/lib/page/explorer/measured-choice.ts';
import { type TimedForward, timeWords } from '@/lib/page/explorer/timing.ts';

export interface PointScales extends Omit<ChoiceScales, 'unpredicted'> {
  readonly scale: CostScale;
  /** Null where the report predicts nothing. */
  readonly prediction: Prediction | null;
  readonly fit: PredictionFit | null;
}

type Value = Pick<ParetoPoint, 'value' | 'bounds'> | null;

/** Beside a choice that is not of the planner, whose own figures are computed. */
export interface PlannedChoice {
  readonly edits: readonly PageEdit[];
  readonly cost?: number;
  readonly damage?: number;
  readonly bounds?: ParetoPoint['bounds'];
}

type ScaleRequest = ChoiceScaleRequest & Pick<PointScales, 'fit'>;

export const pointScales = ({ fit, ...request }: ScaleRequest): PointScales => ({
  ...choiceScales(request),
  scale: request.scale,
  prediction: request.prediction,
  fit,
});

/** Facts only where all captions were drawn: the others' count still moves. */
export function planPoints(
  measured: readonly MeasuredChoice[],
  /** The front's plans, and the present choice. */
  planned: readonly PlannedChoice[],
  quality: ParetoQuality,
  scales: PointScales,
): ParetoPoint[] {
  // The planner tells what the scales cannot, such as times of narrower blocks.
  const plans = new Map(planned.toReversed().map((plan) => [choiceKey(plan.edits), plan]));
  const known = measured.flatMap(({ edits, damage, facts }) => {
    const plan = plans.get(choiceKey(edits)) ?? { edits };
    const value =
      quality === 'facts' ? countOf(facts) : quality === 'error' ? errorOf(edits, damage) : predictedOf(plan, scales);
    const cost = plan.cost ?? scales.costOf(edits);
    if (value === null || cost === null) return [];
    const kind = edits.length === 0 ? 'teacher' : 'subset';
    return [{ key: choiceKey(edits), kind, cost, ...value }] satisfies ParetoPoint[];
  });
  const keys = new Set(known.map(({ key }) => key));
  const others = planned.flatMap((plan) => {
    const { edits } = plan;
    const key = choiceKey(edits);
    if (keys.has(key)) return [];
    const value =
      quality === 'facts' ? null : quality === 'error' ? correctedOf(plan, scales) : predictedOf(plan, scales);
    const cost = plan.cost ?? scales.costOf(edits);
    if (value === null || cost === null) return [];
    keys.add(key);
    const kind = edits.length === 0 ? 'teacher' : 'planned';
    return [{ key, kind, cost, ...value }] satisfies ParetoPoint[];
  });
  return [...known, ...others];
}

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

function predictedOf({ edits, damage, bounds = null }: PlannedChoice, scales: PointScales): Value {
  return damage === undefined ? scales.predictedOf(edits) : { value: damage, bounds };
}

/** In the place where the measured choices say that it would be. */
function correctedOf(plan: PlannedChoice, scales: PointScales): Value {
  const predicted = predictedOf(plan, scales);
  const { correct = null } = scales.fit ?? {};
  return correct && predicted ? { value: correct(predicted.value), bounds: null } : null;
}

/**
 * "3–4, 7–9 probes: 13 blocks, 4.02 M parameters, predicted damage 0.021, 232 of 256 facts (86–94 %), output error 14 %
 * (12.8–15.6 %), forward 36.1 → 29.4 ms on WASM".
 */
export function planWords(
  { numBlocks }: Pick<PlannedModel, 'numBlocks'>,
  { edits, cost: known, damage: predicted, bounds }: PlannedChoice,
  scales: PointScales,
  measured: Partial<MeasuredChoice> = {},
  times: readonly TimedForward[] = [],
): string {
  const { damage, facts } = measured;
  const cost = known ?? scales.costOf(edits);
  const parts = [
    `${numBlocks - removedCount(runsOf(edits))} blocks`,
    ...(cost === null ? [] : [amountWords(scales.scale.kind, cost)]),
  ];
  const plan = { edits, ...(predicted === undefined ? {} : { damage: predicted }), bounds: bounds ?? null };
  const words = edits.length === 0 ? null : predictionWords(plan, scales);
  if (words) parts.push(words);
  if (facts && isCounted(facts) && facts.total > 0) {
    parts.push(`${countedWords(facts)} facts (${countedRangeWords(facts)})`);
  }
  if (damage) {
    const range = damage.bounds ? ` (${shareRangeWords(damage.bounds)})` : '';
    parts.push(`output error ${percentWords(damage.outputError)}${range}`);
  }
  parts.push(...times.map(({ engine, result }) => `forward ${timeWords(result)} on ${engineWords(engine.name)}`));
  return `${choiceWords(edits)}: ${parts.join(', ')}`;
}

/** "predicted damage 0.021, or about 12 % output error"; null where nothing is predicted. */
export function predictionWords(plan: PlannedChoice, scales: PointScales): string | null {
  const value = predictedOf(plan, scales);
  if (!value || !scales.prediction) return null;
  const { isShare } = scales.prediction;
  const range = value.bounds ? ` (${isShare ? shareRangeWords(value.bounds) : rangeWords(value.bounds)})` : '';
  const corrected = correctedOf(plan, scales);
  const about = corrected ? `, or about ${percentWords(corrected.value)} output error` : '';
  return `predicted damage ${damageWords(value.value, isShare)}${range}${about}`;
}

export const damageWords = (damage: number, isShare: boolean): string =>
  isShare ? percentWords(damage) : Number(damage.toPrecision(3)).toString();

const rangeWords = ({ low, high }: { readonly low: number; readonly high: number }) =>
  `${damageWords(low, false)}–${damageWords(high, false)}`;
