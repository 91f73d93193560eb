import { expect, test } from 'vitest';
import { parseModelConfig } from '../model/index.ts';
import { type SampleAssets, unpackPicture, VOCABULARY } from '../shapes/index.ts';
import { shapesCalibration } from './shapes-calibration.ts';

const config = parseModelConfig(
  JSON.stringify({
    _class_name: 'QwenImageTransformer2DModel',
    patch_size: 4,
    in_channels: 48,
    out_channels: 3,
    num_layers: 16,
    attention_head_dim: 32,
    num_attention_heads: 3,
    joint_attention_dim: 2,
    axes_dims_rope: [8, 12, 12],
  }),
  'config.json',
);
/** Word w is embedded as (w, 1). */
const assets: SampleAssets = {
  positions: null,
  vocabulary: VOCABULARY,
  textDim: 2,
  embeddings: Float32Array.from(VOCABULARY.flatMap((_, w) => [w, 1])),
};
const request = { samples: 64, timesteps: 8, seed: 7 };

test('pictures are noised to the level of their time step', () => {
  const { batches, facts } = shapesCalibration(assets, config, { ...request, samples: 160 });
  expect(facts).toMatchObject({
    kind: 'shapes',
    seed: 7,
    samples: 160,
    label: '160 captioned pictures at 8 noise levels',
  });
  expect(facts.timesteps).toHaveLength(8);
  // A pixel's variance about the picture is σ²; at σ = 1/16 values stay near [-1, 1], at 15/16 they are mostly noise.
  const spread = (batchIndex: number, sample: number) => {
    const { hiddenStates } = batches[batchIndex]!;
    const tokens = hiddenStates.slice(sample * 64 * 48, (sample + 1) * 64 * 48);
    const pixels = unpackPicture(tokens);
    let sum = 0;
    for (let i = 3; i < pixels.length; i++) sum += (pixels[i]! - pixels[i - 3]!) ** 2;
    return sum / pixels.length / 2;
  };
  expect(batches[0]!.timestep[7]).toBeCloseTo(15 / 16);
  expect(spread(0, 7)).toBeGreaterThan(0.75);
  expect(spread(0, 0)).toBeLessThan(0.2);
});

test('captions are embedded word by word, and padding is masked and has no row', () => {
  const { batches, rows } = shapesCalibration(assets, config, request);
  const { mask, encoderHiddenStates, textTokens } = batches[0]!;
  expect(textTokens).toBe(13);
  let valid = 0;
  for (const batch of batches) valid += batch.mask!.reduce((sum, m) => sum + m, 0);
  expect(rows.text).toHaveLength(valid);
  expect(rows.image).toHaveLength(64 * 64);
  mask!.forEach((m, token) => {
    expect(encoderHiddenStates[2 * token]! > 0).toBe(m === 1);
  });
  // Each caption ends with a background.
  const lastWord = encoderHiddenStates[2 * mask!.subarray(0, 13).lastIndexOf(1)]!;
  expect(['black', 'white', 'gray', 'brown']).toContain(VOCABULARY[lastWord]);
});

test('the same seed gives the same inputs, another seed others', () => {
  expect(shapesCalibration(assets, config, request)).toEqual(shapesCalibration(assets, config, request));
  expect(shapesCalibration(assets, config, { ...request, seed: 8 })).not.toEqual(
    shapesCalibration(assets, config, request),
  );
});

test('a model of other sizes is refused', () => {
  expect(() => shapesCalibration({ ...assets, textDim: 64 }, config, request)).toThrow(/text width 2.*48 and 64/);
});
