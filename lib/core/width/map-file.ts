/** Linear maps as the file that exports take (docs/student-format.md): F32 matrices as diffusers stores them, [out, in]. */
import { type NamedBlob, readRange, safetensorsLayout } from '../checkpoint/index.ts';
import { openMaps, TRAINED_METADATA, type TrainedTensors } from '../export/trained-file.ts';
import { checkFinite } from '../model/index.ts';
import { fromFloat32 } from '../tensor/float.ts';
import { type MapStore, putMap, readMap } from './map-store.ts';

/** A map by its place: the teacher's block, and PPCL's name of the layer. */
export interface PlacedMap {
  readonly block: number;
  readonly name: string;
}

export interface MapsOf {
  readonly fingerprint: string;
  readonly family: string;
  readonly width: number;
}

/** The file piece by piece; a map is read when its turn comes. `about` is further metadata. */
export async function* mapFileParts(
  from: MapStore,
  fitted: readonly { readonly maps: readonly PlacedMap[] }[],
  { fingerprint, family, width }: MapsOf,
  about: Readonly<Record<string, string>> = {},
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
    ...about,
  };
  const { header, tensors: ordered } = safetensorsLayout(tensors, metadata);
  yield header;
  for (const { read } of ordered) yield fromFloat32(await read(), 'F32');
}

/** Puts the maps of a file into a store. The file has these and no others; throws as `openMaps` does, and where a value is not finite. */
export async function storeMaps(
  file: NamedBlob,
  { fingerprint, family, width }: MapsOf,
  maps: readonly PlacedMap[],
  to: MapStore,
): Promise<void> {
  const wanted = maps.flatMap(({ block, name }) => [
    { name: `${block}.${name}.weight`, shape: [width, width] },
    { name: `${block}.${name}.bias`, shape: [width] },
  ]);
  const tensors = await openMaps([file], { fingerprint, family }, wanted);
  for (const { block, name } of maps) {
    const weight = transposed(await valuesOf(tensors, `${block}.${name}.weight`), width);
    await putMap(to, block, name, { weight, bias: await valuesOf(tensors, `${block}.${name}.bias`) });
  }
}

async function valuesOf(tensors: TrainedTensors, name: string): Promise<Float32Array> {
  const { blob, file } = tensors.get(name)!;
  const values = new Float32Array((await readRange(blob, file, 0, blob.size)).buffer);
  checkFinite(values, file, name);
  return values;
}

function transposed(matrix: Float32Array, width: number): Float32Array {
  const result = new Float32Array(matrix.length);
  for (let i = 0; i < width; i++) for (let j = 0; j < width; j++) result[j * width + i] = matrix[i * width + j]!;
  return result;
}
