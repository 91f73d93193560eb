/**
 * Which samples probes are judged on. Whole samples are held out, never single tokens: tokens of one picture resemble
 * each other, and a probe that has seen some of them would be flattered. The choice needs no seed and does not alias
 * with the order of timesteps or prompts: samples are taken by the fractional parts of multiples of the golden ratio.
 */
import type { Stream } from '../report/report.ts';
import { STREAMS } from '../report/report.ts';

export const HELD_OUT_SHARE = 0.25;

export interface RowSplit {
  readonly fit: Readonly<Record<Stream, Uint32Array>>;
  readonly heldOut: Readonly<Record<Stream, Uint32Array>>;
  /** Samples held out, ascending; empty when there is only one sample, which then only serves the fit. */
  readonly heldOutSamples: readonly number[];
}

const GOLDEN_RATIO = (1 + Math.sqrt(5)) / 2;

/** `rows` gives the sample of each captured row. */
export function splitRows(rows: Readonly<Record<Stream, Uint32Array>>, share: number = HELD_OUT_SHARE): RowSplit {
  const samples = [...new Set(STREAMS.flatMap((stream) => [...new Set(rows[stream])]))].sort((a, b) => a - b);
  const count = samples.length < 2 ? 0 : Math.min(samples.length - 1, Math.max(1, Math.round(share * samples.length)));
  const heldOutSamples = samples
    .map((sample, index) => ({ sample, place: ((index + 1) * GOLDEN_RATIO) % 1 }))
    .sort((a, b) => a.place - b.place)
    .slice(0, count)
    .map(({ sample }) => sample)
    .sort((a, b) => a - b);
  const held = new Set(heldOutSamples);
  const pick = (stream: Stream, wanted: boolean) =>
    Uint32Array.from(rows[stream].keys()).filter((row) => held.has(rows[stream][row] ?? -1) === wanted);
  return {
    fit: { image: pick('image', false), text: pick('text', false) },
    heldOut: { image: pick('image', true), text: pick('text', true) },
    heldOutSamples,
  };
}
