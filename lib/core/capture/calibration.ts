/**
 * The inputs that an analysis is measured on, cut into batches. Which samples they are (the sample's grammar, a user's
 * file, seeded noise) is fixed when a Calibration is made and told in `facts`; everything after treats them alike.
 */
import {
  architectureOf,
  familyNamed,
  type ModelConfig,
  sliceSamples,
  streamMask,
  streamTokens,
  type TransformerInputs,
} from '../model/index.ts';
import type { CalibrationFacts, PerStream } from '../report/report.ts';
import { promptGroups } from './prompt-groups.ts';

export interface Calibration {
  readonly facts: Pick<CalibrationFacts, 'kind' | 'label' | 'seed' | 'file' | 'samples' | 'timesteps'>;
  readonly batches: readonly TransformerInputs[];
  /** Sample (counted over the batches) that each captured row of a stream comes from, in the order in which rows are captured; padded tokens have no row. */
  readonly rows: PerStream<Uint32Array>;
  /** Which of the stream's valid tokens are captured, ascending (sample-tokens.ts); null for all of them. */
  readonly taken?: PerStream<Uint32Array | null>;
  /** Of each stream at most, where only some are captured. */
  readonly tokenLimit?: number;
  /** Of each stream, where only some are captured. */
  readonly validTokens?: PerStream<number>;
  /** [samples], which prompt each sample is of (prompt-groups.ts). */
  readonly groups: Uint32Array;
  /** [samples], timesteps in [0, 1]. */
  readonly levels: Float64Array;
}

export interface CapturedBlock {
  /** −1 is the embedded input, i the state after block i. */
  readonly index: number;
  /** [rows, d] of every stream, valid tokens only. */
  readonly states: PerStream<Float32Array>;
  /** Median over batches, per sample; 0 for the embedding. Reading weights is not counted. */
  readonly blockMs: number;
}

/** Beyond this many samples at once nothing gets faster. */
const MAX_BATCH = 16;
/** State values of one batch; keeps the widest intermediate (4·D) of a large model below a gigabyte. */
const MAX_BATCH_VALUES = 2 ** 24;

/** Cuts one large batch, as a whole, into batches that an engine runs at once. `groups` are those that a file names. */
export function calibrationOf(
  all: TransformerInputs,
  about: Pick<CalibrationFacts, 'kind' | 'label' | 'seed' | 'file'>,
  config: ModelConfig,
  groups: Uint32Array | null = null,
): Calibration {
  const { imageTokens, textTokens } = all;
  const fitting = Math.floor(MAX_BATCH_VALUES / ((imageTokens + textTokens) * config.width));
  const size = Math.max(1, Math.min(MAX_BATCH, fitting));
  const batches: TransformerInputs[] = [];
  for (let from = 0; from < all.batch; from += size) {
    batches.push(sliceSamples(all, from, Math.min(all.batch, from + size)));
  }
  const { timeScale } = familyNamed(config.family);
  const levels = Float64Array.from(all.timestep, (time) => time / timeScale);
  const rows = architectureOf(config).streams.map((stream) => {
    const [tokens, mask] = [streamTokens(all, stream), streamMask(all, stream)];
    const samples = Uint32Array.from({ length: all.batch * tokens }, (_, row) => Math.floor(row / tokens));
    return [stream.id, mask ? samples.filter((_, row) => mask[row]) : samples] as const;
  });
  return {
    facts: { ...about, samples: all.batch, timesteps: [...new Set(levels)].sort((x, y) => x - y) },
    batches,
    rows: Object.fromEntries(rows),
    groups: groups ?? promptGroups(all, config),
    levels,
  };
}

/** `count` noise levels spread evenly inside (0, 1). */
export function noiseLevels(count: number): number[] {
  return Array.from({ length: count }, (_, level) => (level + 0.5) / count);
}
