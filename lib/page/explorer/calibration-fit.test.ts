import { describe, expect, it } from 'vitest';
import { writeSafetensors } from '@/lib/core/checkpoint/index.ts';
import { misfitOf } from './calibration-fit.ts';

function calibration(inChannels: number, textDim: number): File {
  const tensor = (name: string, shape: number[]) => ({
    name,
    dtype: 'F32' as const,
    shape,
    bytes: new Uint8Array(4 * shape.reduce((product, side) => product * side, 1)),
  });
  const tensors = [tensor('hidden_states', [2, 4, inChannels]), tensor('encoder_hidden_states', [2, 3, textDim])];
  return new File([writeSafetensors(tensors)], 'mine.safetensors');
}

describe('a calibration file while another model is opened', () => {
  const model = { inChannels: 48, textDim: 96 };

  it('fits a model of as many features per token', async () => {
    expect(await misfitOf(calibration(48, 96), model)).toBeNull();
  });

  it('does not fit where either stream has other features, and says which', async () => {
    expect(await misfitOf(calibration(16, 96), model)).toEqual({
      found: 'hidden_states [2, 4, 16]',
      expected: '[…, …, 48]',
    });
    expect(await misfitOf(calibration(48, 16), model)).toMatchObject({ found: 'encoder_hidden_states [2, 3, 16]' });
  });

  it('does not fit where it is no calibration at all', async () => {
    expect(await misfitOf(new File([new Uint8Array(3)], 'mine.safetensors'), model)).not.toBeNull();
  });
});
