/** The user's own calibration: real forward inputs of their model, saved by their pipeline. Read in place. */
import { fileDigits, type NamedBlob } from '../checkpoint/index.ts';
import type { ModelConfig, TransformerInputs } from '../model/index.ts';
import { type Calibration, calibrationOf } from './calibration.ts';
import { readForwardFile } from './forward-file.ts';

export async function fileCalibration(file: NamedBlob, config: ModelConfig): Promise<Calibration> {
  const all = await readForwardFile(file, config, 'calibration-invalid', 'states');
  const steps = new Set(all.timestep).size;
  const label = `${file.path}: ${all.batch} sample${all.batch === 1 ? '' : 's'} at ${steps} time step${steps === 1 ? '' : 's'}`;
  const digits = await fileDigits(file.blob);
  return calibrationOf(all, { kind: 'file', label, seed: null, file: { name: file.path, digits } }, config);
}

/** One forward's inputs, all samples in one batch. */
export function readForwardInputs(file: NamedBlob, config: ModelConfig): Promise<TransformerInputs> {
  return readForwardFile(file, config, 'inputs-invalid', 'inputs');
}
