/** Linear maps as the file that exports take (docs/student-format.md): F32 matrices as diffusers stores them, [out, in]. */
import { safetensorsLayout } from '../checkpoint/index.ts';
import { TRAINED_METADATA } from '../export/trained-file.ts';
import { fromFloat32 } from '../tensor/float.ts';
import type { FittedWidthEdit } from './map-fitter.ts';
import { type MapStore, readMap } from './map-store.ts';

export interface MapsOf {
  readonly fingerprint: string;
  readonly family: string;
  readonly width: number;
}

/** The file piece by piece; a map is read when its turn comes. */
export async function* mapFileParts(
  from: MapStore,
  fitted: readonly FittedWidthEdit[],
  { fingerprint, family, width }: MapsOf,
): AsyncGenerator<Uint8Array> {
  const tensors = fitted
    .flatMap(({ maps }) => maps)
    .flatMap(({ block, name }) =>
      (['weight', 'bias'] as const).map((part) => ({
        name: `${block}.${name}.${part}`,
        dtype: 'F32' as const,
        shape: part === 'weight' ? [width, width] : [width],
        read: async () => {
          const map = await readMap(from, block, name);
          return part === 'weight' ? transposed(map.weight, width) : map.bias;
        },
      })),
    );
  const metadata = {
    format: 'pt',
    [TRAINED_METADATA.kind]: 'maps',
    [TRAINED_METADATA.teacher]: fingerprint,
    [TRAINED_METADATA.family]: family,
  };
  const { header, tensors: ordered } = safetensorsLayout(tensors, metadata);
  yield header;
  for (const { read } of ordered) yield fromFloat32(await read(), 'F32');
}

function transposed(matrix: Float32Array, width: number): Float32Array {
  const result = new Float32Array(matrix.length);
  for (let i = 0; i < width; i++) for (let j = 0; j < width; j++) result[j * width + i] = matrix[i * width + j]!;
  return result;
}
