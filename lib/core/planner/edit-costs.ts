/**
 * What a model costs in each kind of budget, and what each edit saves of it. The savings of a plan's edits add up, which
 * is what lets the planner search exactly. Parameters and operations are those of `planCost`; times are the sum of what
 * the report measured block by block, where a probe takes its share of its block's operations.
 */
import type { RunEdit } from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import { countFlops, parseModelConfig } from '../model/config-index.ts';
import { type CostedModel, mapCost, savedAtEnd, savedParameters } from '../plan/index.ts';
import type { AnalysisReport } from '../report/index.ts';
import {
  amountWords,
  BUDGET_DTYPES,
  BUDGET_KINDS,
  type Budget,
  type BudgetDtype,
  type BudgetKind,
  formatBudget,
} from './budget.ts';
import type { Saved } from './narrow-costs.ts';

/** A ModelSummary has it all. */
export interface BudgetedModel extends CostedModel {
  readonly embedsGuidance: boolean;
}

/** One kind of cost of a model, before and after edits. */
export interface CostScale {
  readonly kind: BudgetKind;
  /** Of the whole model. */
  readonly before: number;
  /** What the edit takes off `before`; negative where it adds something. */
  saves(edit: RunEdit): number;
  /** What the amounts count, in a sentence for people. */
  readonly about: string;
  /** The scale of anything that is saved: its amount in the unit of `before`. */
  amountOf(saved: Saved): number;
}

/**
 * Values per token and feature that one forward holds at most at the same time: the state, the modulated state, q, k and
 * v, attention's output, and the four times wider layer inside the FFN.
 */
const ACTIVATIONS = 10;

/** Throws `plan-invalid` for time where the report did not measure it. */
export function costScale(
  asked: Pick<Budget, 'kind' | 'dtype'>,
  model: BudgetedModel,
  report: Pick<AnalysisReport, 'blockMs'> | null,
): CostScale {
  const { amountOf, saved, ...scale } = scaleOf(asked, model, report);
  return { ...scale, amountOf, saves: (edit) => amountOf(saved(edit)) };
}

function scaleOf(
  { kind, dtype }: Pick<Budget, 'kind' | 'dtype'>,
  model: BudgetedModel,
  report: Pick<AnalysisReport, 'blockMs'> | null,
): Omit<CostScale, 'saves'> & { readonly saved: (edit: RunEdit) => Saved } {
  const blockMs = report?.blockMs ?? [];
  const saved = savingsOf(model, blockMs);
  const total = { parameters: totalParameters(model), flops: flopsOf(model).total, ms: sumOf(blockMs) };
  const forwards = model.embedsGuidance ? 1 : 2;
  const perStep = forwards === 1 ? 'one forward' : 'two forwards, with and without the prompt';
  const bytesPer = dtype === null ? model.sizeBytes / total.parameters : BUDGET_DTYPES[dtype];
  const weights = {
    before: bytesPer * total.parameters,
    amountOf: ({ parameters }: Saved) => bytesPer * parameters,
    saved,
  };
  switch (kind) {
    case 'params':
      return {
        kind,
        before: total.parameters,
        amountOf: ({ parameters }) => parameters,
        saved,
        about: 'Parameters of the transformer, without text encoder and VAE.',
      };
    case 'size':
      return { kind, ...weights, about: `Weights ${storedAs(dtype)}, without the files’ headers.` };
    case 'memory': {
      const overhead = bytesPer * ACTIVATIONS * model.width * sumOf(Object.values(model.tokensPerForward))!;
      const extra = `${amountWords('memory', overhead)} for the activations of one forward (${ACTIVATIONS} values per token and feature)`;
      return {
        ...weights,
        kind,
        before: weights.before + overhead,
        about: `Weights ${storedAs(dtype)}, and ${extra}.`,
      };
    }
    case 'flops':
      return {
        kind,
        before: forwards * total.flops,
        amountOf: ({ flops }) => forwards * flops,
        saved,
        about: `Operations of one drawing step: ${perStep}.`,
      };
    case 'time': {
      const { ms } = total;
      if (ms === null || ms === 0) throw untimed(report !== null);
      return {
        kind,
        before: forwards * ms,
        amountOf: (one) => forwards * (one.ms ?? 0),
        saved,
        about: `Time of the blocks in one drawing step (${perStep}), as the report’s engine measured them one by one.`,
      };
    }
    default:
      return kind satisfies never;
  }
}

/** Of every kind that the report can tell: time only where it timed every block. `asked` sets the dtype of its own kind. */
export function costScales(
  model: BudgetedModel,
  report: Pick<AnalysisReport, 'blockMs'>,
  asked: Pick<Budget, 'kind' | 'dtype'> | null = null,
): CostScale[] {
  const isTimed = report.blockMs.length > 0 && report.blockMs.every((ms) => ms !== null && ms > 0);
  return BUDGET_KINDS.filter((kind) => isTimed || kind !== 'time').map((kind) =>
    costScale({ kind, dtype: kind === asked?.kind ? asked.dtype : null }, model, report),
  );
}

/** What a plan has to save to stay within the budget; 0 or less where the whole model does. */
export function savingFor({ limit }: Budget, { before }: CostScale): number {
  return before - ('share' in limit ? limit.share * before : limit.amount);
}

/** Where no plan saves enough: what the least plan costs is told. */
export function unmet(budget: Budget, { kind, before }: CostScale, mostSaved: number): ContiguaError {
  const least = before - mostSaved;
  const share = `${((100 * least) / before).toFixed(1)} % of ${amountWords(kind, before)}`;
  return new ContiguaError('plan-invalid', 'No plan meets the budget', {
    found: formatBudget(budget),
    expected: `${amountWords(kind, least)} or more (${share}): the least that the allowed edits can leave`,
    hint: 'Raise the budget, or unlock blocks.',
  });
}

/** What each edit saves. Sums over blocks are taken once. */
export function savingsOf(model: BudgetedModel, blockMs: readonly (number | null)[]): (edit: RunEdit) => Saved {
  const { blocks, width, tokensPerForward: tokens } = model;
  const flops = flopsOf(model);
  const parametersOf = savedParameters(blocks);
  const isTimed = blocks.every((_, block) => typeof blockMs[block] === 'number');
  const removed = blocks.map((_, block): Saved => {
    const ms = isTimed ? blockMs[block]! : null;
    return { parameters: parametersOf[block]!, flops: flops.saved[block]!, ms };
  });
  const probed = blocks.map(({ updates }, block): Saved => {
    const own = removed[block]!;
    const probe = mapCost(width, updates, tokens);
    const left = flops.blocks[block]! === 0 ? 0 : probe.flops / flops.blocks[block]!;
    return {
      parameters: own.parameters - probe.parameters,
      flops: own.flops - probe.flops,
      ms: own.ms === null ? null : own.ms * (1 - left),
    };
  });
  const sums = { removed: running(removed), probed: running(probed) };
  const atEnd = { parameters: savedAtEnd(blocks), flops: flops.savedAtEnd ?? [] };
  return ({ first, last, by }) => {
    const over = (sum: readonly Saved[]) => {
      const all = difference(sum[last + 1]!, sum[first + 1]!);
      if (last < blocks.length - 1) return all;
      const { parameters, flops: ofAll, ms } = all;
      return { parameters: parameters + (atEnd.parameters[first] ?? 0), flops: ofAll + (atEnd.flops[first] ?? 0), ms };
    };
    if (by === 'probes') return over(sums.probed);
    const all = over(sums.removed);
    // One map for the whole run, in the place of its last block.
    return by === 'linear' ? difference(all, difference(removed[last]!, probed[last]!)) : all;
  };
}

/** Of the first n entries, for each n. */
function running(values: readonly Saved[]): Saved[] {
  const sums: Saved[] = [{ parameters: 0, flops: 0, ms: 0 }];
  for (const { parameters, flops, ms } of values) {
    const before = sums[sums.length - 1]!;
    sums.push({
      parameters: before.parameters + parameters,
      flops: before.flops + flops,
      ms: before.ms === null || ms === null ? null : before.ms + ms,
    });
  }
  return sums;
}

function difference(a: Saved, b: Saved): Saved {
  return {
    parameters: a.parameters - b.parameters,
    flops: a.flops - b.flops,
    ms: a.ms === null || b.ms === null ? null : a.ms - b.ms,
  };
}

function flopsOf(model: BudgetedModel) {
  return countFlops(parseModelConfig(JSON.stringify(model.config), 'config.json'), model.tokensPerForward);
}

function totalParameters({ globalParameters, blocks }: BudgetedModel): number {
  return globalParameters + blocks.reduce((sum, { parameters }) => sum + parameters, 0);
}

/** Null where one of them is not known. */
function sumOf(values: readonly (number | null)[]): number | null {
  return values.reduce((sum: number | null, value) => (sum === null || value === null ? null : sum + value), 0);
}

function storedAs(dtype: BudgetDtype | null): string {
  return dtype === null ? 'in the dtypes of the open files' : `in ${dtype}`;
}

function untimed(hasReport: boolean): ContiguaError {
  return new ContiguaError('plan-invalid', 'A budget of time needs the time of every block', {
    found: hasReport ? 'a report without them' : 'no report',
    hint: 'Analyse the model itself, which times its blocks, or set a budget of FLOPs.',
  });
}
