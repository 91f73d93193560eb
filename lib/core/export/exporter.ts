/** A form in which a trained model leaves the product: one registered file each (exporters.ts). */
import type { BlobLike } from '../checkpoint/index.ts';
import type { TrainedModel } from './trained-model.ts';

export interface OutputFile {
  /** Below the folder, with forward slashes. */
  readonly path: string;
  /** Size known, bytes read by range when asked for. */
  readonly blob: BlobLike;
}

export type Verdict = { readonly accepted: true } | { readonly accepted: false; readonly why: string };

export interface Exporter {
  /** In addresses and on the command line: never changed. */
  readonly name: string;
  /** For people: "diffusers folder". */
  readonly label: string;
  /** Whether this form can hold the model, told without reading weights. */
  accepts(model: TrainedModel): Verdict;
  /** The same files for the same model. Rejects where a student or the plan does not fit the teacher. */
  files(model: TrainedModel): Promise<readonly OutputFile[]>;
}
