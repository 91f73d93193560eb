/** The choices that were measured, as points of a Pareto chart: what is left of the model against what it still does. Pure. */
import type { ParetoPoint, ParetoQuality } from '@/components/charts';
import { formatEditParam, replacementWord } from '@/lib/core/edit/index.ts';
import { removedCount } from '@/lib/core/interval/index.ts';
import { type PlannedModel, parameterCost } from '@/lib/core/plan/index.ts';
import { wilsonInterval } from '@/lib/core/wilson-interval.ts';
import { countedRangeWords, countedWords, shareRangeWords } from '@/lib/page/browser/confidence-words.ts';
import { countWords, percentWords } from '@/lib/page/browser/number-words.ts';
import { isCounted, type MeasuredChoice } from '@/lib/page/explorer/choice-quality.ts';
import type { PageEdit } from '@/lib/page/explorer/edits.ts';

type CostedModel = Parameters<typeof parameterCost>[0] & Pick<PlannedModel, 'numBlocks'>;

export const choiceKey = (edits: readonly PageEdit[]): string => formatEditParam(edits, 'nothing');

/** Facts only where all captions were drawn: the others' count still moves. */
export function choicePoints(
  model: CostedModel,
  choices: readonly MeasuredChoice[],
  quality: ParetoQuality,
): ParetoPoint[] {
  return choices.flatMap(({ edits, damage, facts }) => {
    const measured = quality === 'facts' ? countOf(facts) : errorOf(edits, damage);
    if (measured === null) return [];
    const kind = edits.length === 0 ? 'teacher' : 'subset';
    const parameters = parameterCost(model, edits).after;
    return [{ key: choiceKey(edits), kind, parameters, ...measured }] satisfies ParetoPoint[];
  });
}

type Measured = Pick<ParetoPoint, 'value' | 'bounds'> | null;

function countOf(facts: MeasuredChoice['facts']): Measured {
  if (!isCounted(facts) || facts.total === 0) return null;
  return { value: facts.held / facts.total, bounds: wilsonInterval(facts.held, facts.total) };
}

function errorOf(edits: readonly PageEdit[], damage: MeasuredChoice['damage']): Measured {
  // The whole model is its own reference.
  if (edits.length === 0) return { value: 0, bounds: null };
  if (!damage || damage.outputError === null) return null;
  return { value: damage.outputError, bounds: damage.bounds };
}

/** "3–4, 7–9 probes: 13 blocks, 4.02 M parameters, 232 of 256 facts (86–94 %), output error 14 % (12.8–15.6 %)". */
export function choiceWords(model: CostedModel, { edits, damage, facts }: MeasuredChoice): string {
  const name =
    edits.length === 0
      ? 'the whole model'
      : edits
          .map(({ first, last, by }) => `${first}–${last}${by === 'nothing' ? '' : ` ${replacementWord(by)}`}`)
          .join(', ');
  const parts = [
    `${model.numBlocks - removedCount(edits)} blocks`,
    `${countWords(parameterCost(model, edits).after)} parameters`,
  ];
  if (isCounted(facts) && facts.total > 0) parts.push(`${countedWords(facts)} facts (${countedRangeWords(facts)})`);
  if (damage) {
    const range = damage.bounds ? ` (${shareRangeWords(damage.bounds)})` : '';
    parts.push(`output error ${percentWords(damage.outputError)}${range}`);
  }
  return `${name}: ${parts.join(', ')}`;
}
