/**
 * How versions 1 and 2 held samples out: by the fractional parts of multiples of the golden ratio, whatever their prompts
 * and timesteps. Kept for further measurements of reports that they wrote, which must be of the same samples and probes. It
 * aliases with 8, 13 or 21 timesteps that samples take in turn.
 */

const GOLDEN_RATIO = (1 + Math.sqrt(5)) / 2;

/** Ascending; none of a single sample. */
export function goldenRatioSamples(samples: number, share: number): readonly number[] {
  const count = samples < 2 ? 0 : Math.min(samples - 1, Math.max(1, Math.round(share * samples)));
  return Array.from({ length: samples }, (_, sample) => ({ sample, place: ((sample + 1) * GOLDEN_RATIO) % 1 }))
    .sort((a, b) => a.place - b.place)
    .slice(0, count)
    .map(({ sample }) => sample)
    .sort((a, b) => a - b);
}

/** At most `limit` of the samples, evenly spread over their order. */
export function evenlySpread(samples: readonly number[], limit: number): readonly number[] {
  const count = Math.min(limit, samples.length);
  return Array.from({ length: count }, (_, i) => samples[Math.floor((i * samples.length) / count)]!);
}
