/**
 * Early, middle and late noise: thirds of a calibration's distinct timesteps. Blocks differ in what they do at high and at
 * low noise, and errors at high noise cost more than their share (docs/method.md), so figures are told apart by it.
 */
import type { NoiseBand } from '../report/report.ts';

export interface BandedSamples {
  /** High noise first. Two for two timesteps; none for one, where a band would be the whole. */
  readonly bands: readonly NoiseBand[];
  /** Index of each sample's band; 0 where there are none. */
  readonly bandOf: (sample: number) => number;
}

const THREE = ['early', 'middle', 'late'] as const;
const TWO = ['early', 'late'] as const;

/** `levels`: the timestep of each sample, in [0, 1]; 1 is pure noise. */
export function noiseBands(levels: ArrayLike<number>, heldOutSamples: readonly number[]): BandedSamples {
  const timesteps = [...new Set(Array.from(levels))].sort((a, b) => b - a);
  const ids = timesteps.length >= 3 ? THREE : timesteps.length === 2 ? TWO : [];
  const bandOfTimestep = new Map<number, number>();
  const bands = ids.map((id, band): NoiseBand => {
    const edge = (at: number) => Math.round((at * timesteps.length) / ids.length);
    const own = timesteps.slice(edge(band), edge(band + 1)).sort((a, b) => a - b);
    for (const timestep of own) bandOfTimestep.set(timestep, band);
    const heldOut = heldOutSamples.filter((sample) => own.includes(levels[sample]!)).length;
    return { id, label: `${NAMES[id]}: ${rangeOf(own)}`, timesteps: own, heldOutSamples: heldOut };
  });
  return { bands, bandOf: (sample) => bandOfTimestep.get(levels[sample]!) ?? 0 };
}

const NAMES = { early: 'early, high noise', middle: 'middle', late: 'late, low noise' } as const;

/** As short as tells the ends apart from the next band's. */
function rangeOf(timesteps: readonly number[]): string {
  const shown = (value: number) => String(Number(value.toFixed(3)));
  const [low, high] = [timesteps[0]!, timesteps.at(-1)!];
  return low === high ? `timestep ${shown(low)}` : `timesteps ${shown(low)} to ${shown(high)}`;
}
