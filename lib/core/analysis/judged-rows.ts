/** Held-out rows of an analysis by prompt group and noise band, and what they are weighted by: bands and resamples. */
import type { Calibration } from '../capture/index.ts';
import { seededRandom } from '../random.ts';
import type { NoiseBand, PerStream } from '../report/report.ts';
import type { RowSplit } from './held-out.ts';
import { type CellRows, cellRows, cellsOf, someOfEachCell } from './held-out-cells.ts';
import { noiseBands } from './noise-bands.ts';
import { type Weightings, weightingsOf } from './weightings.ts';

/** Fixed, so that an analysis of the same calibration is the same. */
export const RESAMPLING_SEED = 1;
/**
 * Prompt groups times noise bands. More groups are drawn in bundles, so that the cost does not grow with their number; bundles
 * of whole groups give the same spread.
 */
const MOST_CELLS = 64;
/** Of each stream. Prompts differ more than tokens of one prompt, so that a few tokens of each tell the spread. */
const SOME_ROWS = 256;

export interface JudgedRows {
  /** All held-out rows. */
  readonly rows: PerStream<CellRows>;
  /** Some of each cell, where a pass over all is dear. */
  readonly someRows: PerStream<CellRows>;
  readonly weightings: Weightings;
  readonly bands: readonly NoiseBand[];
  /** Held-out prompt groups. */
  readonly groups: number;
}

/** Null where nothing is held out. */
export function judgedRows(
  { rows, groups, levels }: Pick<Calibration, 'rows' | 'groups' | 'levels'>,
  { heldOutSamples }: Pick<RowSplit, 'heldOutSamples'>,
): JudgedRows | null {
  if (heldOutSamples.length === 0) return null;
  const { bands, bandOf } = noiseBands(levels, heldOutSamples);
  const heldOutGroups = [...new Set(heldOutSamples.map((sample) => groups[sample]!))];
  const cellsIn = (bundles: number) => {
    const bundleOf = bundlesOf(heldOutGroups, bundles);
    return cellsOf(heldOutSamples, (sample) => ({ group: bundleOf.get(groups[sample]!)!, band: bandOf(sample) }));
  };
  const fine = cellsIn(MOST_CELLS);
  const cells = fine.count <= MOST_CELLS ? fine : cellsIn(Math.floor(MOST_CELLS / Math.max(1, bands.length)));
  const all = Object.entries(rows).map(([stream, sampleOf]) => [stream, cellRows(cells, sampleOf)] as const);
  const most = Math.max(2, Math.ceil(SOME_ROWS / cells.count));
  const some = all.map(([stream, of]) => [stream, someOfEachCell(of, most, seededRandom(RESAMPLING_SEED))] as const);
  return {
    rows: Object.fromEntries(all),
    someRows: Object.fromEntries(some),
    weightings: weightingsOf(cells, bands.length, { seed: RESAMPLING_SEED }),
    bands,
    groups: heldOutGroups.length,
  };
}

/** Bundle of each group: groups dealt out in a shuffled order, one each where there are no more than bundles. */
function bundlesOf(groups: readonly number[], most: number): ReadonlyMap<number, number> {
  const random = seededRandom(RESAMPLING_SEED);
  const left = [...groups];
  const bundles = new Map<number, number>();
  while (left.length > 0) {
    for (const group of left.splice(random.integer(left.length), 1)) bundles.set(group, bundles.size % most);
  }
  return bundles;
}
