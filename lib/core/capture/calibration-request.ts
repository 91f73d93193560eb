/** The calibration that was asked for, for the open model, and its name. */
import { fileDigits, type NamedBlob } from '../checkpoint/index.ts';
import { ContiguaError } from '../errors.ts';
import type { OpenModel } from '../folder/open-model.ts';
import type { Calibration } from './calibration.ts';
import { fileCalibration } from './file-calibration.ts';
import { shapesCalibration } from './shapes-calibration.ts';
import { type SyntheticRequest, syntheticCalibration } from './synthetic-calibration.ts';

export type CalibrationRequest<File = NamedBlob> =
  | ({ readonly kind: 'shapes' | 'synthetic' } & SyntheticRequest)
  | {
      readonly kind: 'file';
      readonly file: File;
      /** `fileDigits` of the file, where the caller knows them: then it is not read only to be named. */
      readonly digits?: string | null;
    };

/** Throws `calibration-invalid` where it does not fit the model. */
export async function calibrationFor(
  { config, drawer, summary }: OpenModel,
  request: CalibrationRequest,
): Promise<Calibration> {
  switch (request.kind) {
    case 'file':
      return expectedFile(await fileCalibration(request.file, config), request);
    case 'synthetic':
      return syntheticCalibration(config, request);
    case 'shapes':
      if (drawer) return shapesCalibration(drawer.assets, config, request);
      throw new ContiguaError('calibration-invalid', `${summary.name} is not a model of the sample grammar`, {
        hint: 'Calibrate with a file, or with synthetic inputs.',
      });
  }
}

/** The same for requests of the same inputs, whatever their file is called. */
export async function calibrationKey(request: CalibrationRequest): Promise<string> {
  if (request.kind === 'file') return `file ${request.digits ?? (await fileDigits(request.file.blob))}`;
  const { kind, samples, timesteps, seed } = request;
  return JSON.stringify({ kind, samples, timesteps, seed });
}

function expectedFile(
  calibration: Calibration,
  { file, digits }: Extract<CalibrationRequest, { kind: 'file' }>,
): Calibration {
  const found = calibration.facts.file?.digits;
  if (!digits || found === digits) return calibration;
  throw new ContiguaError('calibration-invalid', 'The file does not hold what it held when it was named', {
    file: file.path,
    found: found ?? 'no digits',
    expected: digits,
    hint: 'Choose the file again.',
  });
}
