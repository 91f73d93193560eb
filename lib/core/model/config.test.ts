import { describe, expect, test } from 'vitest';
import { parseModelConfig } from './config.ts';
import { countFlops, countParameters, expectedTensors } from './counts.ts';
import { familyNamed } from './families.ts';

const parse = (over: Record<string, unknown>) =>
  parseModelConfig(JSON.stringify({ _class_name: 'QwenImageTransformer2DModel', ...over }), 'transformer/config.json');
const small = { attention_head_dim: 16, num_attention_heads: 4, axes_dims_rope: [8, 4, 4], num_layers: 2 };

describe('a config', () => {
  test('takes the defaults of the class for keys that it leaves out and keeps keys that nobody knows', () => {
    const config = parse({ pooled_projection_dim: 768 });
    expect(config).toMatchObject({
      family: 'qwen-image',
      numBlocks: 60,
      width: 3072,
      textDim: 3584,
      outputFeatures: 64,
    });
    expect(config.raw.pooled_projection_dim).toBe(768);
  });
  test('of null output channels has as many as it takes in', () => {
    expect(parse({ out_channels: null, in_channels: 32 }).outputFeatures).toBe(4 * 32);
  });
  test('says which form of the model it is', () => {
    const plain = { zeroTimeReferences: false, layered: false, additionalTimeCondition: false };
    expect(parse({ guidance_embeds: true, zero_cond_t: null })).toMatchObject(plain);
    expect(parse({ zero_cond_t: true })).toMatchObject({ ...plain, zeroTimeReferences: true });
    const layered = { use_layer3d_rope: true, use_additional_t_cond: true };
    expect(parse(layered)).toMatchObject({ ...plain, layered: true, additionalTimeCondition: true });
  });
  test.each([
    [
      { _class_name: 'SanaTransformer2DModel' },
      'checkpoint-unsupported',
      /SanaTransformer2DModel.*QwenImageTransformer2DModel.*FluxTransformer2DModel/,
    ],
    [{ _class_name: undefined }, 'checkpoint-unsupported', /no `_class_name`/],
    [{ _class_name: 'constructor' }, 'checkpoint-unsupported', /Unknown model class/],
    [{ zero_cond_t: 'yes' }, 'config-invalid', /zero_cond_t.*true or false/],
    [{ use_layer3d_rope: 1 }, 'config-invalid', /use_layer3d_rope/],
    [{ num_layers: 0 }, 'config-invalid', /num_layers.*found 0/],
    [{ num_layers: 1e6 }, 'config-invalid', /num_layers.*from 1 to 1024/],
    [
      { single_stream_index: [0, 1] },
      'config-invalid',
      /Block 0 cannot be a single-stream block.*found single_stream_index = \[0,1\]/,
    ],
    [{ single_stream_index: [60] }, 'config-invalid', /`single_stream_index`.*found \[60\].*0 to 59/],
    [{ ffn_proj_index: [1, 1] }, 'config-invalid', /`ffn_proj_index`.*each once/],
    [{ ehs_proj_index: '1' }, 'config-invalid', /`ehs_proj_index`/],
    [{ num_layers: 2.5 }, 'config-invalid', /num_layers/],
    [{ attention_head_dim: '128' }, 'config-invalid', /attention_head_dim/],
    [{ axes_dims_rope: [16, 56, 58] }, 'config-invalid', /axes_dims_rope.*add up to 128/],
    [{ axes_dims_rope: [15, 57, 56] }, 'config-invalid', /axes_dims_rope/],
  ])('with %o is refused as %s', (over, code, message) => {
    expect(() => parse(over)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
    expect(() => parse(over)).toThrow('transformer/config.json');
  });
  test.each(['', '{', '[]', 'null', '3'])('that is %j is refused by name', (text) => {
    expect(() => parseModelConfig(text, 'config.json')).toThrow(/^config\.json: Not/);
  });
});

describe('the cost model', () => {
  test('counts the parameters of the published and of the small models', () => {
    expect(countParameters(parse({}))).toEqual({
      total: 20_430_401_088,
      blocks: new Array(60).fill(339_831_296),
      globals: 40_523_328,
      saved: new Array(60).fill(339_831_296),
    });
    expect(countParameters(parse({ num_layers: 35 })).total).toBe(11_934_618_688);
    const tiny = { ...small, in_channels: 16, out_channels: 4, joint_attention_dim: 16 };
    expect(countParameters(parse(tiny)).total).toBe(331_040);
  });
  test('expects the tensors of the class, which hold exactly the parameters counted', () => {
    const tensors = expectedTensors(parse({}));
    expect(tensors).toHaveLength(1933);
    expect(new Set(tensors.map((t) => t.name)).size).toBe(1933);
    const held = tensors.reduce((sum, t) => sum + t.shape.reduce((product, n) => product * n, 1), 0);
    expect(held).toBe(20_430_401_088);
  });
  test('counts the modulation of the image and the embedded time twice where references take time 0', () => {
    const [plain, edit] = [parse(small), parse({ ...small, zero_cond_t: true })];
    const tokens = { image: 20, text: 8 };
    expect(countParameters(edit)).toEqual(countParameters(plain));
    const modulation = 2 * 64 * 6 * 64;
    const embedder = 2 * (256 * 64 + 64 * 64);
    const [less, more] = [countFlops(plain, tokens), countFlops(edit, tokens)];
    expect(more.blocks).toEqual(less.blocks.map((flops) => flops + modulation));
    expect(more.globals).toBe(less.globals + embedder);
  });
  test('counts the two rows of a layered model’s additional condition', () => {
    const [plain, layered] = [parse(small), parse({ ...small, use_additional_t_cond: true })];
    expect(countParameters(layered).total).toBe(countParameters(plain).total + 2 * 64);
    expect(expectedTensors(layered)).toContainEqual({
      name: 'time_text_embed.addition_t_embedding.weight',
      local: 'time_text_embed.addition_t_embedding.weight',
      shape: [2, 64],
      block: null,
    });
  });
  test('quotes each form at the picture that its pipeline draws', () => {
    const nominal = (over: Record<string, unknown>) => familyNamed('qwen-image').nominal(parse(over));
    expect(nominal({})).toEqual({ tokens: { image: 4096, text: 512 }, picture: '1024 × 1024' });
    expect(nominal({ zero_cond_t: true })).toMatchObject({
      tokens: { image: 8192 },
      picture: expect.stringMatching('reference'),
    });
    // The whole picture, four layers and the condition image, of 40 × 40 tokens each.
    expect(nominal({ use_layer3d_rope: true })).toMatchObject({ tokens: { image: 9600 } });
  });
  test('counts the operations of Qwen-Image at 1024 and 1328 pixels', () => {
    const tera = (image: number, text: number) => countFlops(parse({}), { image, text }).total / 1e12;
    expect(tera(4096, 128)).toBeCloseTo(70.58, 2);
    expect(tera(4096, 512)).toBeCloseTo(78.3, 2);
    expect(tera(6889, 512)).toBeCloseTo(140.99, 2);
  });
});
