/**
 * What a planner is offered beside runs of blocks, from what was measured of each edit alone: text groups and feed-forward layers from a
 * report, ranks of shared modulations from one measured rank. Where nothing of a kind is on offer, `whyNoOffers` says why.
 */
import { earlyWeighted, type WidthCandidates, whyNoCandidates } from '../detection/index.ts';
import { modulationEdit } from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import { editableModel, type ModelConfig, parseModelConfig } from '../model/config-index.ts';
import { errorAtRank, type PlannedModel } from '../plan/index.ts';
import type { AnalysisReport, Bounds } from '../report/index.ts';
import { kindOf, type PlannedKind, type WidthOffer } from './plan-rules.ts';

/** Text groups and feed-forward layers that the report measured and whose output did not overflow. In the report's order. */
export function widthOffers({ width = [], bands }: Pick<AnalysisReport, 'width' | 'bands'>): WidthOffer[] {
  return width.flatMap(({ edit, outputError, bounds, bands: errors }) =>
    outputError === null ? [] : [{ edit, outputError, earlyError: earlyWeighted(bands, errors), bounds }],
  );
}

/** What `contigua analyse --width` measures for a kind. */
const MEASURED_BY = { text: 'text-all', ffn: 'ffn' } as const satisfies Partial<Record<PlannedKind, WidthCandidates>>;

export interface NoOffers {
  /** In a sentence or a few words. */
  readonly found: string;
  /** What would change it; null where the model's structure is the reason. */
  readonly hint: string | null;
}

/** Why no text group, no feed-forward layers or no shared modulation can be in a plan of this report; null where one can. */
export function whyNoOffers(
  kind: Exclude<PlannedKind, 'run'>,
  report: Pick<AnalysisReport, 'width' | 'bands'>,
  model: Required<Pick<PlannedModel, 'config'>>,
): NoOffers | null {
  const config = parseModelConfig(JSON.stringify(model.config), 'config.json');
  if (kind === 'modulation') {
    const found = editableModel(config).whyNot(modulationEdit({ rank: 1 }));
    return found === null ? null : { found, hint: null };
  }
  const found = structureOf(kind, config);
  if (found !== null) return { found, hint: null };
  if (widthOffers(report).some(({ edit }) => kindOf(edit) === kind)) return null;
  const measured = (report.width ?? []).filter(({ edit }) => kindOf(edit) === kind);
  const names = KIND_NAMES[kind];
  if (measured.length > 0)
    return { found: `${names} with each of which the output overflows (${measured.length} measured)`, hint: null };
  return {
    found: `a report that did not measure ${names}`,
    hint: `\`contigua analyse MODEL --width ${MEASURED_BY[kind]}\` measures them.`,
  };
}

/** Throws `plan-invalid` for the first kind of which no edit can be in a plan of this report. */
export function assertPlannable(
  kinds: readonly PlannedKind[],
  report: Pick<AnalysisReport, 'width' | 'bands'>,
  model: Required<Pick<PlannedModel, 'config'>>,
): void {
  for (const kind of kinds) {
    const why = kind === 'run' ? null : whyNoOffers(kind, report, model);
    if (why) throw notPlannable(kind, why.found, why.hint);
  }
}

export function notPlannable(kind: PlannedKind, found: string, hint: string | null): ContiguaError {
  return new ContiguaError('plan-invalid', `No ${KIND_NAMES[kind]} can be planned`, {
    // A sentence of a family, in a line that goes on.
    found: `${kind}: ${found.replace(/\.$/, '')}`,
    expected: hint === null ? 'other kinds of edit' : 'a report that has measured them',
    ...(hint === null ? {} : { hint }),
  });
}

const KIND_NAMES = {
  run: 'runs of blocks',
  text: 'text groups',
  ffn: 'feed-forward layers',
  modulation: 'shared modulations',
} as const satisfies Record<PlannedKind, string>;

function structureOf(kind: keyof typeof MEASURED_BY, config: ModelConfig): string | null {
  return whyNoCandidates(MEASURED_BY[kind], config);
}

/** Ranks that a plan may share modulations by. */
const OFFERED_RANKS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];

/** The rank to measure the output at, for `modulationOffers`. */
export function measuredRank({ width }: { readonly width: number }): number {
  return Math.min(4, width);
}

export interface MeasuredModulations {
  /** D */
  readonly width: number;
  /** Of the modulations of all blocks at held-out timesteps, by rank from 0. */
  readonly errors: ArrayLike<number>;
  /** The rank that the output was measured at, with all blocks sharing their modulation, and what it gave. */
  readonly rank: number;
  readonly outputError: number;
  /** Weighted to early timesteps; null or absent where it was not measured by noise band. */
  readonly earlyError?: number | null | undefined;
  readonly bounds: Bounds | null;
}

/**
 * Shared modulations at several ranks. The output is measured at one rank; at others its error is taken to be in proportion to the error of
 * the modulations, which holds nearly (docs/measurements.md). `also`: ranks up to the width that are offered beside the usual ones.
 */
export function modulationOffers(
  { width, errors, rank, outputError, earlyError = null, bounds }: MeasuredModulations,
  also: readonly number[] = [],
): WidthOffer[] {
  const modulated = errors[rank] ?? 0;
  const usual = OFFERED_RANKS.filter((one) => one < Math.min(width, errors.length));
  const ranks = [...new Set([...usual, ...also])].sort((a, b) => a - b);
  return ranks.map((one) => {
    const error = errorAtRank(errors, one) ?? 0;
    const scaled = (measured: number) => (modulated > 0 ? (measured / modulated) * error : error);
    return {
      edit: modulationEdit({ rank: one }),
      outputError: scaled(outputError),
      earlyError: earlyError === null ? null : scaled(earlyError),
      bounds: bounds && { low: scaled(bounds.low), high: scaled(bounds.high) },
    };
  });
}
