/** Ranks of shared modulations as the planner takes them. Loaded with the planner. */
import { modulationOffers, type WidthOffer } from '@/lib/core/planner/index.ts';
import type { ModulationsState } from './modulations.ts';

/** Ranks for the planner; none until the output error is known on the inputs of the analysis. */
export function rankOffers(
  { found, measured }: Pick<ModulationsState, 'found' | 'measured'>,
  width: number,
  inputs: string | null,
): WidthOffer[] {
  const { outputError = null, bounds = null } = measured?.damage ?? {};
  if (!found || measured?.model !== found.model || measured.inputs !== inputs || outputError === null) return [];
  return modulationOffers({ width, errors: found.errors, rank: measured.rank, outputError, bounds });
}
