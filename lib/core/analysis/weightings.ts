/**
 * How often each cell counts, in every statistic that is taken at once: all cells once, the cells of one noise band, and
 * bootstrap resamples of the prompt groups. A resample draws as many groups as there are, with replacement; whole groups,
 * because tokens of one prompt resemble each other and would make the bounds far too narrow (cluster bootstrap, Davison
 * and Hinkley 1997, section 3.8). The probes stay as they were fitted: bounds say how much the figure depends on which
 * prompts it is judged on, not on which ones the probes saw.
 */
import { seededRandom } from '../random.ts';
import type { Cells } from './held-out-cells.ts';

export const RESAMPLES = 200;

export interface Weightings {
  readonly cells: number;
  /** All cells once, then each band, then the resamples. */
  readonly columns: number;
  readonly bands: number;
  readonly resamples: number;
  /** Whole numbers [cells, columns]. */
  readonly values: Float64Array;
  /** Squares of `values`. */
  readonly squares: Float64Array;
}

/** No resamples for fewer than two groups: then there is nothing to draw from. */
export function weightingsOf(
  { count, groups, groupOf, bandOf }: Cells,
  bands: number,
  { resamples = RESAMPLES, seed = 0 }: { readonly resamples?: number; readonly seed?: number } = {},
): Weightings {
  const drawn = groups < 2 ? 0 : resamples;
  const columns = 1 + bands + drawn;
  const values = new Float64Array(count * columns);
  const random = seededRandom(seed);
  const times = new Float64Array(groups);
  for (let cell = 0; cell < count; cell++) {
    values[cell * columns] = 1;
    if (bandOf[cell]! < bands) values[cell * columns + 1 + bandOf[cell]!] = 1;
  }
  for (let column = 1 + bands; column < columns; column++) {
    times.fill(0);
    for (let draw = 0; draw < groups; draw++) {
      const group = random.integer(groups);
      times[group] = times[group]! + 1;
    }
    for (let cell = 0; cell < count; cell++) values[cell * columns + column] = times[groupOf[cell]!]!;
  }
  return { cells: count, columns, bands, resamples: drawn, values, squares: values.map((w) => w * w) };
}

/** The columns of the whole, of each band, and of the resamples, of values per column. */
export function splitColumns(
  { bands }: Weightings,
  values: Float64Array,
): { readonly whole: number; readonly bands: Float64Array; readonly resamples: Float64Array } {
  return { whole: values[0]!, bands: values.subarray(1, 1 + bands), resamples: values.subarray(1 + bands) };
}
