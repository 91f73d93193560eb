/** What edits of modulations put in place, as a file that exports read (export/shared-weights.ts). */
import { type NamedBlob, type TensorToWrite, writeSafetensors } from '../checkpoint/index.ts';
import type { ModulationEdit } from '../edit/index.ts';
import { fitTensors } from '../export/shared-weights.ts';
import { TRAINED_METADATA } from '../export/trained-file.ts';
import { fromFloat32 } from '../tensor/index.ts';
import type { BasisParts } from './fit-modulations.ts';

/** [T, D]: the conditioning at each timestep of a table. */
export interface TableParts {
  readonly conditioning: Float32Array;
}

export function modulationsFile(
  fits: readonly { readonly edit: ModulationEdit; readonly parts: BasisParts | TableParts }[],
  { fingerprint, family, width }: { readonly fingerprint: string; readonly family: string; readonly width: number },
  about: Readonly<Record<string, string>> = {},
): NamedBlob {
  const tensors = fits.flatMap(({ edit, parts }, place) =>
    fitTensors(edit, place, width).map(({ name, part, shape }): TensorToWrite => {
      const values = new Map(Object.entries(parts)).get(part);
      if (!(values instanceof Float32Array)) throw new RangeError(`No ${part} of ${name}`);
      return { name, dtype: 'F32', shape, bytes: fromFloat32(values, 'F32') };
    }),
  );
  const metadata = {
    format: 'pt',
    [TRAINED_METADATA.kind]: 'modulations',
    [TRAINED_METADATA.teacher]: fingerprint,
    [TRAINED_METADATA.family]: family,
    ...about,
  };
  return { path: 'modulations.safetensors', blob: new Blob([writeSafetensors(tensors, metadata)]) };
}
