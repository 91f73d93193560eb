/** Ranks of shared modulations as the planner takes them. Loaded with the planner. */
import type { EditSet } from '@/lib/core/edit/index.ts';
import { modulationOffers, type WidthOffer } from '@/lib/core/planner/index.ts';
import type { ModulationsState } from './modulations.ts';

/** Ranks for the planner, those of `also` beside the usual ones; none until the output error is known on the inputs of the analysis. */
export function rankOffers(
  { found, measured }: Pick<ModulationsState, 'found' | 'measured'>,
  width: number,
  inputs: string | null,
  also: readonly number[] = [],
): WidthOffer[] {
  const { outputError = null, bounds = null } = measured?.damage ?? {};
  if (!found || measured?.model !== found.model || measured.inputs !== inputs || outputError === null) return [];
  return modulationOffers({ width, errors: found.errors, rank: measured.rank, outputError, bounds }, also);
}

/** Each once, ascending. */
export function ranksAmong(sets: readonly EditSet[]): number[] {
  const ranks = sets.flat().flatMap((edit) => (edit.on === 'modulation' && 'rank' in edit.by ? [edit.by.rank] : []));
  return [...new Set(ranks)].sort((a, b) => a - b);
}
