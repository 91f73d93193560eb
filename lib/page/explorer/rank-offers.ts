/** Ranks of shared modulations as the planner takes them. Loaded with the planner. */
import { earlyWeighted } from '@/lib/core/detection/index.ts';
import type { EditSet } from '@/lib/core/edit/index.ts';
import { modulationOffers, type WidthOffer } from '@/lib/core/planner/index.ts';
import type { NoiseBand } from '@/lib/core/report/report.ts';
import type { ModulationsState } from './modulations.ts';

/** Ranks for the planner, those of `also` beside the usual ones; none until the output error is known on the inputs of the analysis. */
export function rankOffers(
  { found, measured }: Pick<ModulationsState, 'found' | 'measured'>,
  width: number,
  /** Of the report whose inputs are named. */
  bands: readonly NoiseBand[],
  inputs: string | null,
  also: readonly number[] = [],
): WidthOffer[] {
  const { outputError = null, bounds = null, bands: errors = [] } = measured?.damage ?? {};
  if (!found || measured?.model !== found.model || measured.inputs !== inputs || outputError === null) return [];
  const earlyError = earlyWeighted(bands, errors);
  return modulationOffers({ width, errors: found.errors, rank: measured.rank, outputError, earlyError, bounds }, also);
}

/** Why no rank can be in a plan of a model that allows shared modulations, and what changes it. */
export function whyNoRanks(
  { found, measured }: Pick<ModulationsState, 'found' | 'measured'>,
  model: string,
  inputs: string | null,
): string {
  if (inputs === null) return 'ranks are measured on the calibration file of the analysis: choose it again';
  if (found?.model !== model) return 'ranks are not measured yet: “Find errors by rank”, under Shared modulation';
  if (measured?.model === model && measured.inputs === inputs) return `the output overflows at rank ${measured.rank}`;
  return 'the output is not measured yet: “Measure the output at one rank”, under Shared modulation';
}

/** Each once, ascending. */
export function ranksAmong(sets: readonly EditSet[]): number[] {
  const ranks = sets.flat().flatMap((edit) => (edit.on === 'modulation' && 'rank' in edit.by ? [edit.by.rank] : []));
  return [...new Set(ranks)].sort((a, b) => a - b);
}
