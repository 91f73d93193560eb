import { describe, expect, test } from 'vitest';
import { parseModelConfig } from '../config.ts';
import { countFlops, countParameters, expectedTensors } from '../counts.ts';
import { familyNamed } from '../families.ts';

const parse = (over: Record<string, unknown>) =>
  parseModelConfig(JSON.stringify({ _class_name: 'Flux2Transformer2DModel', ...over }), 'transformer/config.json');
const KLEIN_4B = {
  num_layers: 5,
  num_single_layers: 20,
  num_attention_heads: 24,
  joint_attention_dim: 7680,
  guidance_embeds: false,
};
const KLEIN_9B = {
  num_layers: 8,
  num_single_layers: 24,
  num_attention_heads: 32,
  joint_attention_dim: 12288,
  guidance_embeds: false,
};

describe('a config of FLUX.2', () => {
  test('takes the defaults of the class for keys that it leaves out', () => {
    expect(parse({ out_channels: null, guidance_embeds: null })).toMatchObject({
      family: 'flux2',
      numBlocks: 56,
      numDual: 8,
      width: 6144,
      mlpDim: 18432,
      textDim: 15360,
      inChannels: 128,
      outputFeatures: 128,
      guidanceEmbeds: true,
      timeChannels: 256,
      ropeAxes: [32, 32, 32, 32],
      ropeTheta: 2000,
    });
  });

  test('cuts the width of an MLP as Python does', () => {
    const small = { attention_head_dim: 8, axes_dims_rope: [2, 2, 2, 2], num_attention_heads: 1 };
    expect(parse({ ...small, mlp_ratio: 2.7 })).toMatchObject({ mlpDim: 21 });
    expect(() => parse({ ...small, mlp_ratio: 0.1 })).toThrow(/mlp_ratio.*MLPs of 0 features/);
  });

  test.each([
    [{ num_layers: 0, num_single_layers: 0 }, /num_single_layers.*found 0/],
    [{ num_layers: 1000, num_single_layers: 48 }, /num_single_layers.*from 0 to 24/],
    [{ num_layers: -1 }, /num_layers.*found -1/],
    [{ num_single_layers: 2.5 }, /num_single_layers/],
    [{ attention_head_dim: 0 }, /attention_head_dim/],
    [{ num_attention_heads: '48' }, /num_attention_heads.*found "48"/],
    [{ joint_attention_dim: [] }, /joint_attention_dim/],
    [{ in_channels: 0 }, /in_channels/],
    [{ out_channels: -4 }, /out_channels/],
    [{ patch_size: 0 }, /patch_size/],
    [{ mlp_ratio: 'three' }, /mlp_ratio.*a number above 0/],
    [{ mlp_ratio: 1e9 }, /mlp_ratio.*16,777,216/],
    [{ rope_theta: 0 }, /rope_theta.*found 0; expected a number above 0/],
    [{ timestep_guidance_channels: 255 }, /timestep_guidance_channels.*even/],
    [{ eps: 1e-5 }, /eps.*found 0\.00001; expected 0\.000001/],
    [{ guidance_embeds: 1 }, /guidance_embeds.*true or false/],
    [{ axes_dims_rope: [16, 56, 56] }, /axes_dims_rope.*four even numbers that add up to 128/],
    [{ axes_dims_rope: [32, 32, 32, 30] }, /axes_dims_rope/],
  ])('with %o is refused, naming file and key', (over, message) => {
    expect(() => parse(over)).toThrow(
      expect.objectContaining({ code: 'config-invalid', message: expect.stringMatching(message) }),
    );
    expect(() => parse(over)).toThrow('transformer/config.json');
  });
});

describe('the cost model of FLUX.2', () => {
  // Of diffusers' classes.
  test.each([
    ['-dev', {}, 32_223_281_152, 331, 981_467_648, 490_733_824],
    ['klein 4B', KLEIN_4B, 3_875_544_576, 169, 245_367_296, 122_683_648],
    ['klein 9B', KLEIN_9B, 9_078_581_248, 233, 436_208_128, 218_104_064],
  ])('counts the parameters and tensors of %s', (_, config, total, tensors, dual, single) => {
    const parameters = countParameters(parse(config));
    expect(parameters.total).toBe(total);
    expect([parameters.blocks[0], parameters.blocks.at(-1)]).toEqual([dual, single]);
    expect(new Set(expectedTensors(parse(config)).map(({ name }) => name)).size).toBe(tensors);
  });

  test('counts the operations of the class, the modulation once', () => {
    const small = { attention_head_dim: 16, num_attention_heads: 2, axes_dims_rope: [4, 4, 4, 4], in_channels: 8 };
    const config = { ...small, num_layers: 2, num_single_layers: 3, joint_attention_dim: 24, mlp_ratio: 2.7 };
    const klein = parse({ ...config, guidance_embeds: false, timestep_guidance_channels: 32 });
    const attention = 4 * 22 ** 2 * 32;
    // PyTorch's FlopCounterMode on golden case FL2-2, which counts no attention on the CPU.
    expect(countFlops(klein, { image: 15, text: 7 }).total - 5 * attention).toBe(2_782_464);
  });

  test('quotes costs at the picture that the pipeline draws, and says that modulation is shared', () => {
    const { nominal, costNote } = familyNamed('flux2');
    expect(nominal(parse({}))).toEqual({ tokens: { image: 4096, text: 512 }, picture: '1024 × 1024' });
    expect(costNote?.(parse({}))).toBe(
      'Modulation (566,231,040 parameters) is shared by all blocks: removing blocks saves none of it.',
    );
  });
});
