/** Held-out rows of an analysis by cell, and what they are weighted by: all of them, noise bands, resamples. */
import type { Calibration } from '../capture/index.ts';
import type { NoiseBand, PerStream } from '../report/report.ts';
import type { RowSplit } from './held-out.ts';
import { type CellRows, cellRows, cellsOf } from './held-out-cells.ts';
import { noiseBands } from './noise-bands.ts';
import { type Weightings, weightingsOf } from './weightings.ts';

/** Fixed, so that an analysis of the same calibration is the same. */
export const RESAMPLING_SEED = 1;

export interface JudgedRows {
  readonly rows: PerStream<CellRows>;
  readonly weightings: Weightings;
  readonly bands: readonly NoiseBand[];
  /** Held-out prompt groups. */
  readonly groups: number;
}

/** Null where nothing is held out. */
export function judgedRows(
  { rows, groups, levels }: Pick<Calibration, 'rows' | 'groups' | 'levels'>,
  { heldOutSamples }: RowSplit,
): JudgedRows | null {
  if (heldOutSamples.length === 0) return null;
  const { bands, bandOf } = noiseBands(levels, heldOutSamples);
  const cells = cellsOf(heldOutSamples, (sample) => ({ group: groups[sample]!, band: bandOf(sample) }));
  return {
    rows: Object.fromEntries(Object.entries(rows).map(([stream, sampleOf]) => [stream, cellRows(cells, sampleOf)])),
    weightings: weightingsOf(cells, bands.length, { seed: RESAMPLING_SEED }),
    bands,
    groups: cells.groups,
  };
}
