/**
 * A golden model's files as people store them, for tests: as it is, rounded to BF16, with its blocks' matrices as scaled 8-bit floats, or
 * as GGUF, with the matrices whose rows can be cut into blocks of 32 as Q8_0.
 */
import { ggufFile } from '../core/checkpoint/gguf/testing.ts';
import { type NamedBlob, type TensorToWrite, writeSafetensors } from '../core/checkpoint/index.ts';
import type { GoldenModel } from '../core/model/golden-fill.ts';
import { fromFloat32, toFloat32 } from '../core/tensor/index.ts';

export const STORAGES = ['F32', 'BF16', 'scaled F8_E4M3', 'GGUF Q8_0'] as const;

/** `config.json` and the file of weights. */
export async function storedAs(model: GoldenModel, storage: (typeof STORAGES)[number]): Promise<NamedBlob[]> {
  const config = { path: 'config.json', blob: new Blob([JSON.stringify(model.config.raw)]) };
  if (storage === 'GGUF Q8_0') return [config, { path: 'model.gguf', blob: new Blob([await ggufOf(model)]) }];
  return [config, { path: 'model.safetensors', blob: new Blob([await safetensorsOf(model, storage)]) }];
}

async function safetensorsOf({ checkpoint }: GoldenModel, storage: (typeof STORAGES)[number]) {
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
  return writeSafetensors(tensors);
}

/** Numbers of `enum ggml_type`. */
const [F32, Q8_0] = [0, 8];
const Q8_0_ROW = 32;

async function ggufOf({ checkpoint }: GoldenModel) {
  const tensors = [];
  for (const { name, shape } of checkpoint.tensors.values()) {
    const values = await checkpoint.readFloat32(name);
    const isPacked = name.startsWith('transformer_blocks.') && shape.length === 2 && shape[1]! % Q8_0_ROW === 0;
    tensors.push({
      name,
      dimensions: shape.map(BigInt).reverse(),
      type: isPacked ? Q8_0 : F32,
      bytes: isPacked ? asQ8(values) : fromFloat32(values, 'F32'),
    });
  }
  return ggufFile({ tensors });
}

/** Each 32 values as a scale in F16 and a signed byte for each (`block_q8_0`). */
function asQ8(values: Float32Array): Uint8Array {
  const blocks = Array.from({ length: values.length / Q8_0_ROW }, (_, i) => {
    const row = values.subarray(i * Q8_0_ROW, (i + 1) * Q8_0_ROW);
    const scale = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127 || 1;
    const steps = Int8Array.from(row, (value) => Math.round(value / scale));
    return [...fromFloat32(Float32Array.of(scale), 'F16'), ...new Uint8Array(steps.buffer)];
  });
  return Uint8Array.from(blocks.flat());
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
