/** Batches of what a training was asked to learn from: the sample's grammar, a file of forward inputs, or noise. */
import { readForwardSamples } from '../capture/index.ts';
import type { NamedBlob } from '../checkpoint/index.ts';
import { ContiguaError } from '../errors.ts';
import { digestOfFile } from '../folder/digest.ts';
import type { OpenModel } from '../folder/open-model.ts';
import type { TransformerInputs } from '../model/index.ts';
import type { HeldOutBy, NoiseLevels } from '../run/index.ts';
import {
  type BatchRequest,
  fileBatches,
  shapesBatches,
  syntheticBatches,
  type TrainingBatches,
} from './training-data.ts';

/** `lib/core/run`'s TrainingData with its file. */
export type TrainingInputs<File = NamedBlob> =
  | { readonly kind: 'shapes'; readonly levels?: NoiseLevels | undefined }
  | { readonly kind: 'file'; readonly file: File; readonly heldOutBy?: HeldOutBy | undefined }
  | { readonly kind: 'synthetic' };

/** Throws `calibration-invalid` where the model cannot learn from it. */
export async function batchesFor(
  { config, drawer, summary }: OpenModel,
  data: TrainingInputs,
  request: BatchRequest,
): Promise<TrainingBatches> {
  switch (data.kind) {
    case 'file':
      return fileBatches(
        await readForwardSamples(data.file, config),
        await digestOfFile(data.file),
        request,
        data.heldOutBy,
      );
    case 'synthetic':
      return syntheticBatches(config, request);
    case 'shapes':
      if (drawer) return shapesBatches(drawer.assets, config, request, data.levels);
      throw new ContiguaError('calibration-invalid', `${summary.name} is not a model of the sample grammar`, {
        hint: 'Train on a calibration file, or on synthetic inputs.',
      });
  }
}

/** Samples that a trained model is measured on, and how many run at once. */
const MEASURED = { batch: 16, seed: 0, samples: 32 };

export interface MeasuredInputs {
  readonly batches: readonly [TransformerInputs, ...TransformerInputs[]];
  /** The prompt of each sample, over all batches. */
  readonly groups: readonly number[];
}

/** Held-out samples to measure a trained model on, the same for every training on `data`; at least one batch. */
export async function measuredInputs(model: OpenModel, data: TrainingInputs): Promise<MeasuredInputs> {
  const batches = await batchesFor(model, data, MEASURED);
  const [first, ...rest] = batches.heldOut(MEASURED.samples);
  if (!first) throw new ContiguaError('calibration-invalid', 'No samples to measure on');
  return { batches: [first, ...rest], groups: batches.heldOutGroups(MEASURED.samples) };
}
