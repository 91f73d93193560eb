/** The user's own calibration: real forward inputs of their model, saved by their pipeline. Read in place. */
import { fileDigits, type NamedBlob } from '../checkpoint/index.ts';
import type { ModelConfig, TransformerInputs } from '../model/index.ts';
import { type Calibration, calibrationOf } from './calibration.ts';
import { readForwardFile } from './forward-file.ts';
import { promptGroups } from './prompt-groups.ts';

export async function fileCalibration(file: NamedBlob, config: ModelConfig): Promise<Calibration> {
  const { inputs: all, promptGroups } = await readForwardFile(file, config, 'calibration-invalid', 'states');
  const steps = new Set(all.timestep).size;
  const label = `${file.path}: ${all.batch} sample${all.batch === 1 ? '' : 's'} at ${steps} time step${steps === 1 ? '' : 's'}`;
  const digits = await fileDigits(file.blob);
  return calibrationOf(
    all,
    { kind: 'file', label, seed: null, file: { name: file.path, digits } },
    config,
    promptGroups,
  );
}

/** One forward's inputs, all samples in one batch. */
export async function readForwardInputs(file: NamedBlob, config: ModelConfig): Promise<TransformerInputs> {
  return (await readForwardFile(file, config, 'inputs-invalid', 'inputs')).inputs;
}

/** The same with what tells its samples apart: the prompt of each. */
export async function readForwardSamples(
  file: NamedBlob,
  config: ModelConfig,
): Promise<{ readonly inputs: TransformerInputs; readonly groups: Uint32Array }> {
  const { inputs, promptGroups: named } = await readForwardFile(file, config, 'inputs-invalid', 'inputs');
  return { inputs, groups: named ?? promptGroups(inputs, config) };
}
