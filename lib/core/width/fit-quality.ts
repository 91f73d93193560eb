/**
 * How well linear maps predict held-out rows, over one map or the several of a text group: each map counts alike, whatever the
 * size of its states. Bounds are those of probes, a bootstrap over prompt groups.
 */
import { percentileBounds, splitColumns, type Weightings } from '../analysis/index.ts';
import type { Bounds } from '../report/report.ts';
import type { MapErrors } from './map-store.ts';

export interface FitQuality {
  /** ‖l(x) − y‖ / ‖y‖; null where nothing is held out, or the maps stand for no change. Of several maps, the root mean square. */
  readonly error: number | null;
  readonly bounds: Bounds | null;
  /** ‖l(x) − y‖ / ‖y − x‖: 0 is perfect, 1 is as bad as leaving the layers out. */
  readonly changeError: number | null;
  /** `error` in each noise band of the held-out samples. */
  readonly bands: readonly (number | null)[];
}

export const NOT_JUDGED: FitQuality = { error: null, bounds: null, changeError: null, bands: [] };

export function qualityOf(maps: readonly MapErrors[], weightings: Weightings | null): FitQuality {
  const judged = maps.filter((errors) => errors !== null);
  if (judged.length === 0 || !weightings) return NOT_JUDGED;
  const { cells, columns, values } = weightings;
  const weightsOf = (column: number) =>
    Float64Array.from({ length: cells }, (_, cell) => values[cell * columns + column]!);
  const errors = Float64Array.from({ length: columns }, (_, column) =>
    rootMeanSquare(judged, weightsOf(column), 'outputs'),
  );
  const { bands, resamples } = splitColumns(weightings, errors);
  const numberOrNull = (value: number) => (Number.isFinite(value) ? value : null);
  return {
    error: numberOrNull(errors[0]!),
    bounds: percentileBounds(resamples),
    changeError: numberOrNull(rootMeanSquare(judged, weightsOf(0), 'updates')),
    bands: Array.from(bands, numberOrNull),
  };
}

/** NaN where there is nothing to relate an error to. */
function rootMeanSquare(
  maps: readonly NonNullable<MapErrors>[],
  weights: Float64Array,
  to: 'outputs' | 'updates',
): number {
  const sum = (of: Float64Array) => of.reduce((total, value, cell) => total + weights[cell]! * value, 0);
  const shares = maps.map((errors) => sum(errors.residuals) / sum(errors[to]));
  return Math.sqrt(shares.reduce((total, share) => total + share, 0) / shares.length);
}
