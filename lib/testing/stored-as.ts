/** A golden model's files as people store them, for tests: as it is, rounded to BF16, or with its blocks' matrices as scaled 8-bit floats. */
import { type NamedBlob, type TensorToWrite, writeSafetensors } from '../core/checkpoint/index.ts';
import type { GoldenModel } from '../core/model/golden-fill.ts';
import { fromFloat32, toFloat32 } from '../core/tensor/index.ts';

export const STORAGES = ['F32', 'BF16', 'scaled F8_E4M3'] as const;

/** `model.safetensors` and `config.json`. */
export async function storedAs({ config, checkpoint }: GoldenModel, storage: (typeof STORAGES)[number]) {
  const tensors: TensorToWrite[] = [];
  const add = (name: string, shape: readonly number[], values: Float32Array, dtype: 'F32' | 'BF16') =>
    tensors.push({ name, shape, dtype, bytes: fromFloat32(values, dtype) });
  for (const { name, shape } of checkpoint.tensors.values()) {
    const values = await checkpoint.readFloat32(name);
    const isScaled = storage.startsWith('scaled') && name.startsWith('transformer_blocks.') && shape.length === 2;
    if (!isScaled) add(name, shape, values, storage === 'F32' ? 'F32' : 'BF16');
    else {
      const scale = Math.fround(values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / LARGEST);
      tensors.push({
        name,
        shape,
        dtype: 'F8_E4M3',
        bytes: Uint8Array.from(values, (value) => nearestF8(value / scale)),
      });
      add(name.replace(/weight$/, 'scale_weight'), [], Float32Array.of(scale), 'F32');
    }
  }
  if (storage.startsWith('scaled'))
    tensors.push({ name: 'scaled_fp8', dtype: 'F8_E4M3', shape: [0], bytes: new Uint8Array() });
  return [
    { path: 'config.json', blob: new Blob([JSON.stringify(config.raw)]) },
    { path: 'model.safetensors', blob: new Blob([writeSafetensors(tensors)]) },
  ] satisfies NamedBlob[];
}

/** Of F8_E4M3. */
const LARGEST = 448;
/** Every number that a byte can stand for, in order. */
const F8 = Array.from(
  toFloat32(
    Uint8Array.from({ length: 256 }, (_, byte) => byte),
    'F8_E4M3',
    { tensor: '' },
  ),
  (value, byte) => ({ value, byte }),
)
  .filter(({ value }) => Number.isFinite(value))
  .sort((a, b) => a.value - b.value);

function nearestF8(wanted: number): number {
  let [low, high] = [0, F8.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (F8[middle]!.value <= wanted) low = middle;
    else high = middle;
  }
  return wanted - F8[low]!.value <= F8[high]!.value - wanted ? F8[low]!.byte : F8[high]!.byte;
}
