import { expect, test } from 'vitest';
import type { ContiguaError } from '../../errors.ts';
import { parseModelConfig } from '../config.ts';
import { architectureOf, countFlops, countParameters, expectedTensors } from '../counts.ts';
import { conversionOf, prunedModel, studentBlock } from '../pruned.ts';
import { positionTable } from './positions.ts';

const parse = (raw: Record<string, unknown>) =>
  parseModelConfig(JSON.stringify({ _class_name: 'SD3Transformer2DModel', ...raw }), 'transformer/config.json');
const refusalOf = (raw: Record<string, unknown>) => {
  try {
    parse(raw);
  } catch (thrown) {
    return thrown as ContiguaError;
  }
  throw new Error('It was accepted');
};

const SD3_MEDIUM = {
  num_layers: 24,
  num_attention_heads: 24,
  caption_projection_dim: 1536,
  pos_embed_max_size: 192,
  out_channels: null,
};
const SD35_MEDIUM = {
  ...SD3_MEDIUM,
  pos_embed_max_size: 384,
  qk_norm: 'rms_norm',
  dual_attention_layers: Array.from({ length: 13 }, (_, i) => i),
};
const SD35_LARGE = {
  num_layers: 38,
  num_attention_heads: 38,
  caption_projection_dim: 2432,
  pos_embed_max_size: 192,
  qk_norm: 'rms_norm',
};

test.each([
  ['SD3-medium', SD3_MEDIUM, 683, 2_028_328_000, [84_980_736, 84_980_736, 54_294_528], 8.9],
  ['SD3.5-medium', SD35_MEDIUM, 909, 2_243_171_520, [101_506_944, 84_980_992, 54_294_784], 11.25],
  ['SD3.5-large', SD35_LARGE, 1227, 8_056_627_520, [212_999_680, 212_999_680, 136_085_248], 31.12],
] as const)(
  '%s has the tensors, parameters and operations of the published model',
  (_, raw, tensors, total, blocks, tera) => {
    const config = parse(raw);
    expect(expectedTensors(config)).toHaveLength(tensors);
    const counts = countParameters(config);
    expect(counts.total).toBe(total);
    expect([counts.blocks[0], counts.blocks.at(-2), counts.blocks.at(-1)]).toEqual(blocks);
    expect(countFlops(config, { image: 4096, text: 333 }).total / 1e12).toBeCloseTo(tera, 2);
  },
);

test('the blocks that attend twice, and the last one, say so', () => {
  const { traits = [], blocks } = architectureOf(parse(SD35_MEDIUM));
  expect(traits.map(({ label }) => label)).toEqual(['dual attention', 'no text output']);
  expect(blocks.map((block) => block.traits)).toEqual([
    ...Array.from({ length: 13 }, () => ['dual-attention']),
    ...Array.from({ length: 10 }, () => []),
    ['no-text-output'],
  ]);
});

test('the table of positions is stored, and no parameter', () => {
  const [table] = expectedTensors(parse(SD35_MEDIUM));
  expect(table).toMatchObject({ name: 'pos_embed.pos_embed', shape: [1, 147_456, 1536] });
});

test('what blocks save is what the model without them lacks, up to its end and before', () => {
  const config = parse(SD35_MEDIUM);
  const tokens = { image: 4096, text: 333 };
  const [parameters, flops] = [countParameters(config), countFlops(config, tokens)];
  for (const [first, last] of [
    [11, 14],
    [2, 5],
    [20, 23],
    [5, 23],
  ] as const) {
    const kept = parameters.blocks.map((_, index) => index).filter((index) => index <= first || index > last);
    const pruned = prunedModel(config, kept);
    const saved = (of: typeof parameters) => of.saved.slice(first + 1, last + 1).reduce((sum, n) => sum + n, 0);
    expect(countParameters(pruned).total).toBe(parameters.total - saved(parameters));
    expect(countFlops(pruned, tokens).total).toBe(flops.total - saved(flops));
  }
});

test('a student is of the kind of its place: of the first block, and at the end without the text’s output', () => {
  const config = parse(SD35_MEDIUM);
  const kind = (first: number, last: number) => studentBlock(config, { first, last }).kind;
  expect([kind(11, 14), kind(14, 16), kind(20, 23), kind(8, 23)]).toEqual([
    'dual attention',
    'joint',
    'last',
    'last dual attention',
  ]);
});

test('a last block becomes no other', () => {
  const config = parse(SD35_MEDIUM);
  const { blocks } = architectureOf(config);
  expect(() => conversionOf(config, blocks.at(-1)!, blocks[0]!)).toThrow(/gives no text/);
});

test('defaults are the class’s own', () => {
  expect(parse({})).toMatchObject({
    numBlocks: 18,
    width: 1152,
    textDim: 4096,
    pooledDim: 2048,
    inChannels: 64,
    outputFeatures: 64,
    maxPatches: 96,
    basePatches: 64,
    qkNorm: false,
  });
  expect(parse({ in_channels: 4, out_channels: null }).outputFeatures).toBe(16);
  // Numbers of blocks that are not there mean nothing, as in diffusers.
  expect(
    architectureOf(parse({ num_layers: 2, dual_attention_layers: [0, 7, -1] })).blocks.map(({ kind }) => kind),
  ).toEqual(['dual attention', 'last']);
});

test.each([
  [{ caption_projection_dim: 1536 }, 'config-invalid', '1536', '1152'],
  [{ dual_attention_layers: [0, '1'] }, 'config-invalid', '[0,"1"]', 'block numbers'],
  [{ dual_attention_layers: 13 }, 'config-invalid', '13', 'block numbers'],
  [{ qk_norm: 'layer_norm' }, 'checkpoint-unsupported', 'layer_norm', 'rms_norm'],
  [{ pos_embed_max_size: null }, 'checkpoint-unsupported', 'null', 'whole number'],
  [{ pos_embed_max_size: 1e6 }, 'config-invalid', '1000000', '4096'],
  [{ attention_head_dim: 7, num_attention_heads: 3, caption_projection_dim: 21 }, 'config-invalid', '21', '4 divides'],
  [{ sample_size: 1 }, 'config-invalid', '1', 'a whole number from 2'],
] as const)('%j is refused, naming file, found and expected', (raw, code, found, expected) => {
  expect(refusalOf(raw)).toMatchObject({
    code,
    details: {
      file: 'transformer/config.json',
      found: expect.stringContaining(found),
      expected: expect.stringContaining(expected),
    },
  });
});

test('positions are those of diffusers: columns first, sines first', () => {
  const table = positionTable({ width: 32, maxPatches: 96, basePatches: 16 });
  const token = (row: number, column: number) => table((row * 96 + column) * 32, (row * 96 + column + 1) * 32);
  expect(token(1, 2)[0]).toBeCloseTo(0.3271947, 6);
  expect(token(1, 2)[16]).toBeCloseTo(0.1658961, 6);
});
