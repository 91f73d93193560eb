/** The quality of one probe over all held-out rows, in each noise band, and its bounds over the resamples. */
import type { Bounds } from '../report/report.ts';
import { percentileBounds } from './percentile-bounds.ts';
import { type ProbeErrors, type ProbeQuality, probeQuality } from './probe-quality.ts';
import { splitColumns, type Weightings } from './weightings.ts';

export interface WeightedProbeQuality extends ProbeQuality {
  /** Null where nothing was resampled, or there is no value. */
  readonly r2Bounds: Bounds | null;
  readonly errorBounds: Bounds | null;
  /** One per noise band. */
  readonly bands: readonly ProbeQuality[];
}

export function weightedProbeQuality(errors: ProbeErrors, weightings: Weightings): WeightedProbeQuality {
  const { cells, columns, values } = weightings;
  const r2 = new Float64Array(columns);
  const error = new Float64Array(columns);
  const weights = new Float64Array(cells);
  const qualities: ProbeQuality[] = [];
  for (let column = 0; column < columns; column++) {
    for (let cell = 0; cell < cells; cell++) weights[cell] = values[cell * columns + column]!;
    const quality = probeQuality(errors, weights);
    qualities.push(quality);
    r2[column] = quality.r2 ?? Number.NaN;
    error[column] = quality.error ?? Number.NaN;
  }
  return {
    ...qualities[0]!,
    r2Bounds: percentileBounds(splitColumns(weightings, r2).resamples),
    errorBounds: percentileBounds(splitColumns(weightings, error).resamples),
    bands: qualities.slice(1, 1 + weightings.bands),
  };
}
