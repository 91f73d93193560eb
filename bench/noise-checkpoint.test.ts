import { expect, it } from 'vitest';
import { expectedTensors } from '../lib/core/model/counts.ts';
import { parseModelConfig } from '../lib/core/model/index.ts';
import { noiseCheckpoint, PERIOD } from './noise-checkpoint.ts';

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) => Buffer.from(buffer, byteOffset, byteLength);

/** One matrix of a block has more values than the noise before it comes again. */
const config = parseModelConfig(
  JSON.stringify({
    _class_name: 'QwenImageTransformer2DModel',
    patch_size: 2,
    in_channels: 16,
    out_channels: 4,
    num_layers: 1,
    attention_head_dim: 64,
    num_attention_heads: 10,
    joint_attention_dim: 16,
    axes_dims_rope: [16, 24, 24],
  }),
  'config.json',
);

it('holds every tensor of the config, as finite noise that is the same whichever way it is read', async () => {
  const checkpoint = noiseCheckpoint(config);
  const expected = expectedTensors(config);
  expect([...checkpoint.tensors.keys()].sort()).toEqual(expected.map(({ name }) => name).sort());
  // Neighbours are read together here, and each alone below.
  for await (const { info, values } of checkpoint.readEach(expected.map(({ name }) => name))) {
    const alone = await checkpoint.readFloat32(info.name);
    expect(bytesOf(values).equals(bytesOf(alone)), info.name).toBe(true);
    expect(values.indexOf(0), info.name).toBe(-1);
    expect(
      values.every((value) => Math.abs(value) <= 0.2),
      info.name,
    ).toBe(true);
    if (values.length > PERIOD)
      expect(bytesOf(values.subarray(PERIOD)).equals(bytesOf(values.subarray(0, -PERIOD)))).toBe(true);
  }
});
