/**
 * Some tokens of each sample in place of all, so that what an analysis costs follows their number and not the size of the
 * pictures. Every sample gives its share, and with it every prompt and every timestep; which of its tokens is drawn from a
 * fixed seed, so that an analysis of the same calibration reads the same ones wherever it runs.
 */
import { type SeededRandom, seededRandom } from '../random.ts';
import type { PerStream } from '../report/report.ts';
import type { Calibration } from './calibration.ts';

const SAMPLING_SEED = 3;
/** Wider models are read on `TOKENS_OF_WIDE` tokens of each stream unless another number is asked for. */
const WIDE = 1024;
const TOKENS_OF_WIDE = 1024;

/** Tokens of each stream that an analysis reads where nothing else is asked for; null for all. */
export function defaultTokens(width: number): number | null {
  return width > WIDE ? TOKENS_OF_WIDE : null;
}

/** At most `tokens` of each stream; null leaves the calibration as it is. */
export function sampleTokens(calibration: Calibration, tokens: number | null): Calibration {
  return tokens === null ? calibration : { ...calibration, ...sampledRows(calibration, tokens) };
}

/** What changes of a calibration, or of the samples of a trace, where at most `tokens` rows of each stream are read. */
export type SampledRows = Required<Pick<Calibration, 'rows' | 'taken' | 'tokenLimit' | 'validTokens'>>;

export function sampledRows({ rows: all, levels }: Pick<Calibration, 'rows' | 'levels'>, tokens: number): SampledRows {
  const random = seededRandom(SAMPLING_SEED);
  const taken: Record<string, Uint32Array | null> = {};
  const rows: Record<string, Uint32Array> = {};
  for (const [stream, samples] of Object.entries(all)) {
    const chosen = samples.length > tokens ? chooseRows(samples, levels, tokens, random) : null;
    taken[stream] = chosen;
    rows[stream] = chosen ? chosen.map((row) => samples[row]!) : samples;
  }
  return { rows, taken, tokenLimit: tokens, validTokens: countsOf(all) };
}

export function countsOf(rows: PerStream<Uint32Array>): PerStream<number> {
  return Object.fromEntries(Object.entries(rows).map(([stream, { length }]) => [stream, length]));
}

/** Rows, ascending. `samples`: the sample of each row. */
function chooseRows(samples: Uint32Array, levels: Float64Array, tokens: number, random: SeededRandom): Uint32Array {
  const rowsOf: number[][] = Array.from(levels, () => []);
  for (const [row, sample] of samples.entries()) rowsOf[sample]!.push(row);
  const shares = sharesOf(
    rowsOf.map(({ length }) => length),
    levels,
    tokens,
    random,
  );
  const chosen = rowsOf.flatMap((left, sample) =>
    Array.from({ length: shares[sample]! }, () => left.splice(random.integer(left.length), 1)[0]!),
  );
  return Uint32Array.from(chosen).sort();
}

/** How many rows each sample gives: as equal as can be where some have fewer than the others. */
function sharesOf(counts: readonly number[], levels: Float64Array, tokens: number, random: SeededRandom): number[] {
  const atMost = (level: number) => counts.reduce((sum, count) => sum + Math.min(count, level), 0);
  let level = 0;
  while (atMost(level + 1) <= tokens) level += 1;
  const shares = counts.map((count) => Math.min(count, level));
  let left = tokens - atMost(level);
  for (const sample of inTurn(levels, random)) {
    if (left === 0) break;
    if (counts[sample]! <= level) continue;
    shares[sample]! += 1;
    left -= 1;
  }
  return shares;
}

/** All samples, timesteps in turn, so that any number of the first ones is spread over the timesteps. */
function inTurn(levels: Float64Array, random: SeededRandom): number[] {
  const byLevel = new Map<number, number[]>();
  for (const [sample, level] of levels.entries()) byLevel.set(level, [...(byLevel.get(level) ?? []), sample]);
  const left = [...byLevel.values()];
  const order: number[] = [];
  while (order.length < levels.length) {
    for (const samples of left) {
      if (samples.length > 0) order.push(samples.splice(random.integer(samples.length), 1)[0]!);
    }
  }
  return order;
}
