import { describe, expect, it } from 'vitest';
import { writeSafetensors } from '@/lib/core/checkpoint/index.ts';
import { misfitOf } from './calibration-fit.ts';

function calibration(hidden: number[], textDim: number): File {
  const tensor = (name: string, shape: number[]) => ({
    name,
    dtype: 'F32' as const,
    shape,
    bytes: new Uint8Array(4 * shape.reduce((product, side) => product * side, 1)),
  });
  const tensors = [tensor('hidden_states', hidden), tensor('encoder_hidden_states', [2, 3, textDim])];
  return new File([writeSafetensors(tensors)], 'mine.safetensors');
}

describe('a calibration file while another model is opened', () => {
  const model = {
    config: { _class_name: 'QwenImageTransformer2DModel', in_channels: 48, joint_attention_dim: 96 },
  };
  const pictures = {
    config: { _class_name: 'SD3Transformer2DModel', in_channels: 12, joint_attention_dim: 96 },
  };

  it('fits a model of as many features per token', async () => {
    expect(await misfitOf(calibration([2, 4, 48], 96), model)).toBeNull();
  });

  it('does not fit where either stream has other features, and says which', async () => {
    expect(await misfitOf(calibration([2, 4, 16], 96), model)).toEqual({
      found: 'hidden_states [2, 4, 16]',
      expected: '[samples, image tokens, 48]',
    });
    expect(await misfitOf(calibration([2, 4, 48], 16), model)).toMatchObject({
      found: 'encoder_hidden_states [2, 3, 16]',
    });
  });

  it('fits a model of pictures by their channels, and not one of tokens', async () => {
    expect(await misfitOf(calibration([2, 12, 8, 6], 96), pictures)).toBeNull();
    expect(await misfitOf(calibration([2, 12, 8, 6], 96), model)).not.toBeNull();
    expect(await misfitOf(calibration([2, 4, 48], 96), pictures)).toEqual({
      found: 'hidden_states [2, 4, 48]',
      expected: '[samples, 12, height, width]',
    });
  });

  it('does not fit where it is no calibration at all', async () => {
    expect(await misfitOf(new File([new Uint8Array(3)], 'mine.safetensors'), model)).not.toBeNull();
  });
});
