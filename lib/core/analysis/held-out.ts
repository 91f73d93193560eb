/**
 * Which samples probes are judged on. Whole samples are held out, never single tokens: tokens of one picture resemble
 * each other, and a probe that has seen some of them would be flattered. The choice needs no seed and does not alias
 * with the order of timesteps or prompts: samples are taken by the fractional parts of multiples of the golden ratio.
 */
import type { PerStream } from '../report/report.ts';

export const HELD_OUT_SHARE = 0.25;

export interface RowSplit {
  readonly fit: PerStream<Uint32Array>;
  readonly heldOut: PerStream<Uint32Array>;
  /** Samples held out, ascending; empty when there is only one sample, which then only serves the fit. */
  readonly heldOutSamples: readonly number[];
}

const GOLDEN_RATIO = (1 + Math.sqrt(5)) / 2;

/** `rows` gives the sample of each captured row. */
export function splitRows(rows: PerStream<Uint32Array>, share: number = HELD_OUT_SHARE): RowSplit {
  const samples = [...new Set(Object.values(rows).flatMap((of) => [...new Set(of)]))].sort((a, b) => a - b);
  const count = samples.length < 2 ? 0 : Math.min(samples.length - 1, Math.max(1, Math.round(share * samples.length)));
  const heldOutSamples = samples
    .map((sample, index) => ({ sample, place: ((index + 1) * GOLDEN_RATIO) % 1 }))
    .sort((a, b) => a.place - b.place)
    .slice(0, count)
    .map(({ sample }) => sample)
    .sort((a, b) => a - b);
  const held = new Set(heldOutSamples);
  const pick = (wanted: boolean): PerStream<Uint32Array> =>
    Object.fromEntries(
      Object.entries(rows).map(([stream, of]) => [
        stream,
        Uint32Array.from(of.keys()).filter((row) => held.has(of[row] ?? -1) === wanted),
      ]),
    );
  return { fit: pick(false), heldOut: pick(true), heldOutSamples };
}
