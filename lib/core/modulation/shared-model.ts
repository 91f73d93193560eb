/**
 * A model whose blocks share their modulation as an export would write it, without writing: weights are read from the whole model's
 * files when they are asked for. For measuring what a rank costs.
 */
import { type Checkpoint, type NamedBlob, openCheckpoint } from '../checkpoint/index.ts';
import type { ModulationEdit } from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import { sharedWeights } from '../export/shared-weights.ts';
import { studentWeights } from '../export/student-weights.ts';
import { weightFiles } from '../export/weight-files.ts';
import { editedConfig, type ModelConfig } from '../model/index.ts';

export interface WholeModel {
  readonly config: ModelConfig;
  readonly checkpoint: Checkpoint;
  readonly fingerprint: string;
}

/** `file` is what `modulationsFile` made for these edits. Throws `checkpoint-unsupported` where the family cannot share modulations. */
export async function sharedModel(
  { config, checkpoint, fingerprint }: WholeModel,
  edits: readonly ModulationEdit[],
  file: NamedBlob,
): Promise<{ readonly config: ModelConfig; readonly checkpoint: Checkpoint }> {
  const edited = editedConfig(config, edits);
  if ('why' in edited) {
    throw new ContiguaError('checkpoint-unsupported', 'Blocks of this model cannot share their modulation', {
      found: edited.why,
    });
  }
  const whole = await studentWeights({
    config,
    fingerprint,
    checkpoint,
    blockMap: Array.from({ length: config.numBlocks }, (_, old) => ({ old, new: old, fate: 'kept' as const })),
    students: [],
    fineTuned: null,
    dtype: 'teacher',
    checkValues: false,
  });
  const tensors = await sharedWeights(whole, {
    config: edited,
    fingerprint,
    edits,
    file,
    dtype: 'teacher',
    checkValues: false,
  });
  return { config: edited, checkpoint: await openCheckpoint(weightFiles(tensors, Number.POSITIVE_INFINITY)) };
}
