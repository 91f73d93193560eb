import { describe, expect, it } from 'vitest';
import { fromFloat32 } from '../tensor/float.ts';
import { openCheckpoint, openWeightsFile } from './open.ts';
import { countingReads, named } from './testing.ts';
import { type TensorToWrite, writeSafetensors } from './write.ts';

/** 1, 2, 4, 8 in E4M3. */
const ROWS = Uint8Array.of(0x38, 0x40, 0x48, 0x50);
const weight = (name = 'l.weight', dtype: TensorToWrite['dtype'] = 'F8_E4M3', shape = [2, 2]): TensorToWrite => ({
  name,
  dtype,
  shape,
  bytes: ROWS,
});
const numbers = (name: string, shape: number[], ...values: number[]): TensorToWrite => ({
  name,
  dtype: 'F32',
  shape,
  bytes: fromFloat32(Float32Array.from(values), 'F32'),
});
const text = (name: string, content: string): TensorToWrite => {
  const bytes = new TextEncoder().encode(content);
  return { name, dtype: 'U8', shape: [bytes.length], bytes };
};
const oldMarker: TensorToWrite = { name: 'scaled_fp8', dtype: 'F8_E4M3', shape: [0], bytes: new Uint8Array() };
const marker = (format: string, layer = 'l') => text(`${layer}.comfy_quant`, JSON.stringify({ format }));

const open = async (tensors: TensorToWrite[], metadata?: Record<string, string>) =>
  await openWeightsFile(named('model.safetensors', writeSafetensors(tensors, metadata)));
const refusal = (tensors: TensorToWrite[], metadata?: Record<string, string>) =>
  open(tensors, metadata).then(() => 'accepted', String);

describe('8-bit floats', () => {
  it('without scales are plain numbers', async () => {
    const checkpoint = await open([weight(), weight('m.weight', 'F8_E5M2')]);
    expect([...(await checkpoint.readFloat32('l.weight'))]).toEqual([1, 2, 4, 8]);
    expect([...(await checkpoint.readFloat32('m.weight'))]).toEqual([0.5, 2, 8, 32]);
    expect(checkpoint.tensors.get('l.weight')?.dtype).toBe('F8_E4M3');
  });

  it('are multiplied by `scale_weight`, as ComfyUI marked files at first; `scale_input` is left out', async () => {
    const scales = [numbers('l.scale_weight', [], 0.5), numbers('l.scale_input', [1], 3)];
    const checkpoint = await open([oldMarker, weight(), ...scales]);
    expect([...(await checkpoint.readFloat32('l.weight'))]).toEqual([0.5, 1, 2, 4]);
    expect(checkpoint.tensors.get('l.weight')?.dtype).toBe('F8_E4M3 scaled');
  });

  it('are multiplied by `weight_scale` where a layer’s marker or the header says so, stored as F8 or as U8', async () => {
    const scale = numbers('l.weight_scale', [1], 2);
    const layers = { l: { format: 'float8_e4m3fn', full_precision_matrix_mult: true } };
    const metadata = { _quantization_metadata: JSON.stringify({ format_version: '1.0', layers }) };
    for (const dtype of ['F8_E4M3', 'U8'] as const) {
      for (const checkpoint of [
        await open([weight('l.weight', dtype), scale, marker('float8_e4m3fn')]),
        await open([weight('l.weight', dtype), scale], metadata),
      ]) {
        expect([...(await checkpoint.readFloat32('l.weight'))]).toEqual([2, 4, 8, 16]);
      }
    }
    const e5m2 = await open([weight('l.weight', 'F8_E5M2'), scale, marker('float8_e5m2')]);
    expect([...(await e5m2.readFloat32('l.weight'))]).toEqual([1, 4, 16, 64]);
  });

  it('may have a scale for each row, and parts of them are scaled alike', async () => {
    const checkpoint = await open([weight(), numbers('l.weight_scale', [2, 1], 2, 10), marker('float8_e4m3fn')]);
    expect([...(await checkpoint.readFloat32('l.weight'))]).toEqual([2, 4, 40, 80]);
    expect([...(await checkpoint.readFloat32('l.weight', 1, 3))]).toEqual([4, 40]);
    for await (const { values } of checkpoint.readEach(['l.weight'])) expect([...values]).toEqual([2, 4, 40, 80]);
  });

  it('of layers named without the wrapper of their file are found', async () => {
    const prefix = 'model.diffusion_model.';
    const metadata = { _quantization_metadata: JSON.stringify({ layers: { l: 'float8_e4m3fn' } }) };
    const checkpoint = await open([weight(`${prefix}l.weight`), numbers(`${prefix}l.weight_scale`, [], 2)], metadata);
    expect([...(await checkpoint.readFloat32(`${prefix}l.weight`))]).toEqual([2, 4, 8, 16]);
  });

  it('find their scales in other shards', async () => {
    const [one, two] = ['m-00001-of-00002.safetensors', 'm-00002-of-00002.safetensors'];
    const index = { weight_map: { 'l.weight': one, 'l.comfy_quant': one, 'l.weight_scale': two } };
    const checkpoint = await openCheckpoint([
      named(one, writeSafetensors([weight(), marker('float8_e4m3fn')])),
      named(two, writeSafetensors([numbers('l.weight_scale', [], 2)])),
      named('m.safetensors.index.json', JSON.stringify(index)),
    ]);
    for await (const { values } of checkpoint.readEach(['l.weight'])) expect([...values]).toEqual([2, 4, 8, 16]);
  });

  it('have the scales of a block read together', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `l${i}`);
    const tensors = names.flatMap((name) => [weight(`${name}.weight`), numbers(`${name}.weight_scale`, [], 2)]);
    const { blob, reads } = countingReads(new Blob([writeSafetensors(tensors)]));
    const checkpoint = await openWeightsFile({ path: 'model.safetensors', blob });
    reads.length = 0;
    let count = 0;
    for await (const { values } of checkpoint.readEach(names.map((name) => `${name}.weight`))) count += values.length;
    expect([count, reads.length]).toEqual([80, 2]);
  });

  it.each<[string, TensorToWrite[], Record<string, string> | undefined, RegExp]>([
    [
      'a scale that the file’s mark promises',
      [oldMarker, weight()],
      undefined,
      /› l.weight: .*lacks the scale.*no tensor l\.scale_weight.*`scaled_fp8`/,
    ],
    [
      'a scale that the layer’s marker promises',
      [weight(), marker('float8_e4m3fn')],
      undefined,
      /› l.weight: .*lacks the scale.*no tensor l\.weight_scale.*float8_e4m3fn/,
    ],
    [
      'a scale that the header promises',
      [weight()],
      { _quantization_metadata: '{"layers":{"l":{"format":"float8_e4m3fn"}}}' },
      /lacks the scale/,
    ],
  ])('without %s are refused', async (_, tensors, metadata, message) => {
    expect(await refusal(tensors, metadata)).toMatch(message);
  });

  it('with scales of another kind are refused by name', async () => {
    const blocks = numbers('l.weight_scale', [2, 2], 1, 2, 3, 4);
    expect(await refusal([weight(), blocks, marker('float8_e4m3fn')])).toMatch(
      /› l\.weight_scale: .*F32 \[2, 2\] for \[2, 2\]/,
    );
    expect(await refusal([weight(), numbers('l.weight_scale', [2], 1, 2)])).toMatch(
      /This kind of scale is not supported/,
    );
  });

  it('with scales by block under another name are refused instead of being read without them', async () => {
    const blocks = numbers('l.weight_scale_inv', [1, 1], 2);
    expect(await refusal([weight(), blocks])).toMatch(/› l\.weight_scale_inv: This kind of scale is not supported/);
  });

  it('are found behind any wrapper that a transformer has, and a layer that is not there is refused', async () => {
    const layers = (layer: string) => ({
      _quantization_metadata: JSON.stringify({ layers: { [layer]: 'float8_e4m3fn' } }),
    });
    const wrapped = weight('diffusion_model.l.weight');
    expect(await refusal([wrapped], layers('l'))).toMatch(/diffusion_model\.l\.weight: .*lacks the scale/);
    expect(await refusal([wrapped], layers('other'))).toMatch(/layer other, which has no weight here/);
  });

  it('that are stored otherwise than the file says are refused', async () => {
    const scale = numbers('l.weight_scale', [], 2);
    expect(await refusal([weight(), scale, marker('float8_e5m2')])).toMatch(
      /another type than the file says; found F8_E4M3/,
    );
    for (const content of ['{', '[]', '{"format":7}', 'null', `"${'x'.repeat(5000)}"`]) {
      expect(await refusal([weight(), scale, text('l.comfy_quant', content)])).toMatch(
        /What says how layers are stored/,
      );
    }
    expect(await refusal([weight()], { _quantization_metadata: '{}' })).toMatch(/no `layers`/);
  });

  it('beside layers in another format of ComfyUI open, and such a layer is known by the name of its format', async () => {
    const checkpoint = await open([weight('l.weight', 'U8'), marker('nvfp4'), numbers('m', [1], 1)]);
    expect(checkpoint.tensors.get('l.weight')?.dtype).toBe("ComfyUI's nvfp4");
    await expect(checkpoint.readFloat32('l.weight')).rejects.toThrow(
      /type that is not supported; found ComfyUI's nvfp4.*BF16/,
    );
  });
});
