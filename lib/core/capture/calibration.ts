/**
 * The inputs that an analysis is measured on, cut into batches. Which samples they are (the sample's grammar, a user's
 * file, seeded noise) is fixed when a Calibration is made and told in `facts`; everything after treats them alike.
 */
import type { TransformerInputs } from '../model/transformer.ts';
import type { CalibrationFacts, Stream } from '../report/report.ts';

export interface Calibration {
  readonly facts: Pick<CalibrationFacts, 'kind' | 'label' | 'seed' | 'samples' | 'timesteps'>;
  readonly batches: readonly TransformerInputs[];
  /** Sample that each captured row comes from, in the order in which rows are captured; padded text has no row. */
  readonly rows: Readonly<Record<Stream, Uint32Array>>;
}

export interface CapturedBlock {
  /** −1 is the embedded input, i the state after block i. */
  readonly index: number;
  /** [image rows, d] */
  readonly image: Float32Array;
  /** [text rows, d], valid tokens only. */
  readonly text: Float32Array;
  /** Median over batches, per sample; 0 for the embedding. Reading weights is not counted. */
  readonly blockMs: number;
}
