/**
 * Offers of narrower blocks as candidates of the planner: text groups lie on the track of the runs, so that none crosses a run and all of
 * its blocks stay; feed-forward layers are choices within a block; one modulation is made for the whole model, which saves with each
 * block that stays.
 */
import {
  type EditSet,
  editKey,
  type FfnEdit,
  type ModulationEdit,
  modulationEdit,
  sameEdit,
  type TextStreamEdit,
  type WidthEdit,
} from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import { architectureOf, editableModel, modulatedBlocks, parseModelConfig } from '../model/config-index.ts';
import type { PlannedModel } from '../plan/index.ts';
import type { AnalysisReport, Bounds } from '../report/index.ts';
import type { Choice, Span, Whole } from './candidates.ts';
import type { BudgetedModel, CostScale } from './edit-costs.ts';
import { ffnRule, WHOLE_FFN } from './ffn-rule.ts';
import { narrowCosts } from './narrow-costs.ts';
import { kindOf, type PlanRules, type WidthOffer } from './plan-rules.ts';
import type { Prediction } from './prediction.ts';

export interface NarrowCandidates {
  readonly spans: readonly Span[];
  readonly choices: readonly Choice[];
  readonly wholes: readonly Whole[];
  /** The edits behind the ids of a plan, given the blocks that it removes. */
  editsOf(ids: readonly string[], removed: readonly number[]): readonly WidthEdit[];
  /** Of the output error of each edit alone; null where an offer has none. */
  boundsOf(ids: readonly string[]): readonly (Bounds | null)[];
}

/** Throws `plan-invalid` for an offer that the model does not allow, or that the prediction has no unit for. */
export function narrowCandidates(
  model: Pick<BudgetedModel & PlannedModel, 'config' | 'tokensPerForward'>,
  { blockMs }: Pick<AnalysisReport, 'blockMs'>,
  { amountOf }: Pick<CostScale, 'amountOf'>,
  prediction: Prediction,
  rules: PlanRules,
): NarrowCandidates {
  const { locked, forbidden } = rules;
  const offered = usedOffers(rules);
  if (offered.length === 0) return { spans: [], choices: [], wholes: [], editsOf: () => [], boundsOf: () => [] };
  const config = parseModelConfig(JSON.stringify(model.config), 'config.json');
  const { blocks } = architectureOf(config);
  const editable = editableModel(config);
  const costs = narrowCosts(config, model.tokensPerForward, blockMs);
  const held = new Set([...locked, ...forbidden]);
  const known = new Map<
    string,
    { readonly edits: readonly WidthEdit[]; readonly bounds: readonly (Bounds | null)[] }
  >();
  const termOf = (edit: WidthEdit, { bounds = null, ...error }: Omit<WidthOffer, 'edit'>): number => {
    const reason = editable.whyNot(edit);
    if (reason !== null) throw invalid('The model does not allow an edit that is offered', editKey(edit), reason);
    const term = prediction.termOfError(error);
    if (term === null) {
      throw invalid(
        'Output errors do not add to this prediction',
        prediction.label,
        'a score that is an output error',
        '`contigua analyse --ablation intervals` (or `linear`) measures one.',
      );
    }
    known.set(editKey(edit), { edits: [edit], bounds: [bounds] });
    return term;
  };
  /** All but the held blocks; null where none is left. */
  const free = (edit: ModulationEdit): ModulationEdit | null => {
    if (held.size === 0) return edit;
    const left = modulatedBlocks(blocks, edit).filter((block) => !held.has(block));
    return left.length === 0 ? null : modulationEdit(edit.by, left);
  };

  const modulations = offered.flatMap(({ edit, ...measured }) => {
    const left = edit.on === 'modulation' ? free(edit) : null;
    return left ? [{ edit: left, damage: termOf(left, measured) }] : [];
  });
  const wholes = modulations.map(
    ({ edit, damage }): Whole => ({
      id: editKey(edit),
      group: 'modulation',
      saves: amountOf(costs.basisOf(edit)),
      savesPerBlock: costs.savesPerBlock(edit).map(amountOf),
      damage,
    }),
  );
  const priced = (edits: readonly (FfnEdit | TextStreamEdit)[]) => {
    const saved = (modulation: ModulationEdit | null) =>
      edits.reduce((sum, edit) => sum + amountOf(costs.saves(edit, modulation)), 0);
    return {
      id: edits.map(editKey).join(' + '),
      saves: saved(null),
      savesWith: Object.fromEntries(modulations.map((one) => [editKey(one.edit), saved(one.edit)])),
    };
  };
  const spans: Span[] = [];
  const { textStream } = editable;
  const ffns = new Map<number, { readonly edit: FfnEdit; readonly damage: number }[]>();
  for (const { edit, ...measured } of offered) {
    if (edit.on === 'text-stream') {
      const { first, last } = edit;
      const isHeld = (block: number) => (block > first ? held.has(block) : forbidden.includes(block));
      if (range(first, last).some(isHeld)) continue;
      const damage = termOf(edit, measured);
      const closed = { closedFrom: first + 1, closes: [WHOLE_FFN, `ffn ${textStream}`] };
      spans.push({ ...priced([edit]), track: 'depth', first, last, ...closed, damage });
    } else if (edit.on === 'ffn' && !held.has(edit.block)) {
      const { block } = edit;
      ffns.set(block, [...(ffns.get(block) ?? []), { edit, damage: termOf(edit, measured) }]);
    }
  }
  const rule = ffnRule(config, ffns.size > 0);
  const choices = [...ffns].flatMap(([block, all]): Choice[] => {
    // What is chosen by hand is left as it is.
    const ways = all.some(({ edit }) => rules.chosen.some((one) => sameEdit(one, edit))) ? null : rule(block);
    if (!ways) {
      return all.map(({ edit, damage }) => ({ ...priced([edit]), block, group: `ffn ${edit.stream}`, damage }));
    }
    return ways.flatMap(({ streams, ...where }): Choice[] => {
      const some = all.filter(({ edit }) => streams.includes(edit.stream));
      if (some.length < streams.length) return [];
      const price = priced(some.map(({ edit }) => edit));
      const parts = some.map(({ edit }) => known.get(editKey(edit))!);
      // Under an id of its own: the layers of one stream may be one choice, and part of another.
      const id = where.insteadOf === undefined ? price.id : `${price.id} held`;
      known.set(id, { edits: some.map(({ edit }) => edit), bounds: parts.flatMap(({ bounds }) => bounds) });
      return [{ ...price, id, block, ...where, damage: some.reduce((sum, { damage }) => sum + damage, 0) }];
    });
  });
  return {
    spans,
    choices,
    wholes,
    editsOf: (ids, removed) =>
      ids.flatMap((id) =>
        (known.get(id)?.edits ?? []).flatMap((edit) => {
          if (edit.on !== 'modulation' || edit.blocks === 'all') return edit;
          // Of blocks that the plan removes there is nothing to share.
          const left = edit.blocks.filter((block) => !removed.includes(block));
          return left.length === 0 ? [] : modulationEdit(edit.by, left);
        }),
      ),
    boundsOf: (ids) => ids.flatMap((id) => known.get(id)?.bounds ?? []),
  };
}

/** Those that a plan may have, by their kind or as they are chosen. */
export function usedOffers({ allow, offers = [], chosen }: PlanRules): WidthOffer[] {
  const isChosen = (edit: WidthEdit) => chosen.some((one) => sameEdit(one, edit));
  return [...offers, ...partialModulations(offers, chosen)].filter(
    ({ edit, outputError }) => outputError !== null && (allow.includes(kindOf(edit)) || isChosen(edit)),
  );
}

/** Chosen modulations of some blocks: they are taken to err as much as those of all blocks at the same rank. */
function partialModulations(offers: readonly WidthOffer[], chosen: EditSet): WidthOffer[] {
  return chosen.flatMap((edit) => {
    if (edit.on !== 'modulation' || edit.blocks === 'all') return [];
    const whole = offers.find((one) => sameEdit(one.edit, modulationEdit(edit.by)));
    return whole ? [{ ...whole, edit }] : [];
  });
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

function invalid(summary: string, found: string, expected: string, hint?: string): ContiguaError {
  return new ContiguaError('plan-invalid', summary, { found, expected, hint });
}
