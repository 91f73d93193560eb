/**
 * Cost and predicted damage of any choice of edits, of the planner's or not: plans that were measured are told in the same figures as
 * those that are planned. The page's chart and `contigua plan --measured` ask it.
 */
import { type EditSet, editKey, formatEditParam, modulationEdit, runsOf, type WidthEdit } from '../edit/index.ts';
import { editedModel, parseModelConfig } from '../model/config-index.ts';
import type { CostedModel } from '../plan/index.ts';
import type { Bounds } from '../report/index.ts';
import type { CostScale } from './edit-costs.ts';
import type { WidthOffer } from './plan-rules.ts';
import type { Prediction } from './prediction.ts';

export interface ChoiceScaleRequest {
  readonly model: Pick<CostedModel, 'config' | 'tokensPerForward'>;
  readonly scale: CostScale;
  /** Null where the report predicts nothing. */
  readonly prediction: Prediction | null;
  /** What is known of edits that make blocks narrower. */
  readonly offers?: readonly WidthOffer[];
}

export interface PredictedChoice {
  readonly value: number;
  readonly bounds: Bounds | null;
}

export interface ChoiceScales {
  /** In the unit of the scale; null where narrower blocks cannot be told in it. */
  costOf(edits: EditSet): number | null;
  /** Null where one of them has no term. */
  predictedOf(edits: EditSet): PredictedChoice | null;
  /** The first edit that has none; null where all have. */
  unpredicted(edits: EditSet): EditSet[number] | null;
}

/** The same for the same choice, whatever else is known of it. */
export const choiceKey = (edits: EditSet): string => formatEditParam(edits, 'nothing');

export function choiceScales({ model, scale, prediction, offers = [] }: ChoiceScaleRequest): ChoiceScales {
  const byKey = new Map(offers.map((offer) => [editKey(offer.edit), offer]));
  /** Modulations of some blocks are taken to err as much as those of all at the same rank. */
  const offerOf = (edit: WidthEdit) => byKey.get(editKey(edit.on === 'modulation' ? modulationEdit(edit.by) : edit));
  const termOf = (edit: EditSet[number]): number | null => {
    if (!prediction) return null;
    if (edit.on === 'run') return prediction.termOf(edit);
    const offer = offerOf(edit);
    return offer ? prediction.termOfError(offer) : null;
  };
  const costs = new Map<string, number | null>();
  const parsed = () => parseModelConfig(JSON.stringify(model.config), 'config.json');
  let config: ReturnType<typeof parsed> | null = null;
  const narrowerCost = (edits: EditSet): number | null => {
    const runs = runsOf(edits);
    const ofRuns = runs.reduce((left, edit) => left - scale.saves(edit), scale.before);
    if (runs.length === edits.length) return ofRuns;
    // Only the planner tells times of narrower blocks.
    if (scale.kind === 'time') return null;
    config ??= parsed();
    const [without, all] = [editedModel(config, runs), editedModel(config, edits)];
    const tokens = model.tokensPerForward;
    const flops = without.flops(tokens) - all.flops(tokens);
    return ofRuns - scale.amountOf({ parameters: without.parameters - all.parameters, flops, ms: null });
  };
  return {
    costOf(edits) {
      const key = edits.map(editKey).join('.');
      let cost = costs.get(key);
      if (cost === undefined) {
        cost = narrowerCost(edits);
        costs.set(key, cost);
      }
      return cost;
    },
    predictedOf(edits) {
      if (!prediction) return null;
      let sum = 0;
      for (const edit of edits) {
        const term = termOf(edit);
        if (term === null) return null;
        sum += term;
      }
      const beside = edits.flatMap((edit) => (edit.on === 'run' ? [] : [offerOf(edit)?.bounds ?? null]));
      return { value: prediction.totalOf(sum), bounds: prediction.boundsOf(runsOf(edits), beside) };
    },
    unpredicted: (edits) => edits.find((edit) => termOf(edit) === null) ?? null,
  };
}
