import { describe, expect, it } from 'vitest';
import {
  type Edit,
  editSetOf,
  ffnEdit,
  modulationEdit,
  NO_EDITS,
  runEdit,
  runEdits,
  textStreamEdit,
} from '../edit/index.ts';
import { parseLayerIndex } from '../interval/index.ts';
import type { ModelConfig, StreamTokens } from './architecture.ts';
import { parseModelConfig } from './config.ts';
import { architectureOf, countFlops, countParameters } from './counts.ts';
import { editableModel, whyNotAt } from './editable.ts';
import { editedConfig, editedModel, editedReader } from './edited.ts';

const QWEN = configOf({ _class_name: 'QwenImageTransformer2DModel' });
const D = 3072;
const TOKENS = { image: 4096, text: 512 };

function configOf(raw: object): ModelConfig {
  return parseModelConfig(JSON.stringify(raw), 'config.json');
}

const PUBLISHED = runEdits(
  parseLayerIndex(
    '[[3,4],[5,7],[8,10],[11,12],[15,24],[25,27],[29,30],[42,43],[45,47],[48,49],[52,53],[54,55],[56,57]]',
    { numBlocks: 60 },
    'published',
  ),
  'student',
);
/** The defaults of PPCL's pipeline_save.py: three of its six groups, and the feed-forward layers of three blocks. */
const PUBLISHED_WIDTH: Edit[] = [
  textStreamEdit({ first: 36, last: 37 }),
  textStreamEdit({ first: 40, last: 41 }),
  textStreamEdit({ first: 50, last: 59 }),
  ffnEdit(2, 'image'),
  ffnEdit(2, 'text'),
  ffnEdit(58, 'image'),
  ffnEdit(59, 'image'),
];

const edited = (config: ModelConfig, edits: readonly Edit[]) =>
  editedModel(config, editSetOf(edits, editableModel(config), 'test'));

describe('the published edits of Qwen-Image, from its config alone', () => {
  it('leave 35 blocks and 11,934,618,688 parameters in depth', () => {
    const { blocks, parameters } = edited(QWEN, PUBLISHED);
    expect(blocks).toHaveLength(35);
    expect(parameters).toBe(11_934_618_688);
  });

  it('leave 10,603,653,184 parameters and the published index lists with the width defaults', () => {
    const edits = [...PUBLISHED, ...PUBLISHED_WIDTH];
    expect(edited(QWEN, edits).parameters).toBe(10_603_653_184);
    const config = editedConfig(QWEN, editSetOf(edits, editableModel(QWEN), 'test'));
    if ('why' in config) throw new Error(config.why);
    expect(config.raw).toMatchObject({
      num_layers: 35,
      single_stream_index: [19, 23, 29, 30, 31, 32, 33, 34],
      ffn_proj_index: [2, 33, 34],
      ehs_proj_index: [19, 23, 34],
    });
    expect(countParameters(config).total).toBe(10_603_653_184);
  });

  it('are the same model as the one that its config describes: tensors, operations and kinds', () => {
    const set = editSetOf([...PUBLISHED, ...PUBLISHED_WIDTH], editableModel(QWEN), 'test');
    const config = editedConfig(QWEN, set);
    if ('why' in config) throw new Error(config.why);
    const [model, described] = [editedModel(QWEN, set), architectureOf(config)];
    expect(model.flops(TOKENS)).toBe(countFlops(config, TOKENS).total);
    expect(model.blocks.map(({ kind, tensors }) => ({ kind, tensors }))).toEqual(
      described.blocks.map(({ kind, tensors }) => ({ kind, tensors })),
    );
  });
});

describe('a narrower block of Qwen-Image', () => {
  const group = textStreamEdit({ first: 0, last: 2 });
  const images = [1, 2].map((block) => ffnEdit(block, 'image'));
  /** Parameters of a block, and its operations but for those of scores and of what they mix. */
  const kinds: [string, Edit[], number, string, number, (tokens: Required<StreamTokens>) => number][] = [
    ['plain', [], 1, 'dual', 339_831_296, ({ image = 0, text = 0 }) => 24 * D * D * (image + text) + 24 * D * D],
    [
      'of linear feed-forward layers',
      [ffnEdit(1, 'image'), ffnEdit(1, 'text')],
      1,
      'dual-ffn',
      151_044_608,
      ({ image = 0, text = 0 }) => 10 * D * D * (image + text) + 12 * D * D,
    ],
    [
      'of held text',
      [group],
      1,
      'single',
      217_117_184,
      ({ image = 0, text = 0 }) => 24 * D * D * image + 10 * D * D * text + 12 * D * D,
    ],
    [
      'of held text at the end of its group',
      [group],
      2,
      'single-ehs',
      226_557_440,
      ({ image = 0, text = 0 }) => 24 * D * D * image + 12 * D * D * text + 12 * D * D,
    ],
    [
      'of held text and linear layers',
      [group, ...images],
      1,
      'single-ffn',
      122_723_840,
      ({ image = 0, text = 0 }) => 10 * D * D * (image + text) + 6 * D * D,
    ],
    [
      'of held text and linear layers at the end of its group',
      [group, ...images],
      2,
      'single-ffn-ehs',
      132_164_096,
      ({ image = 0, text = 0 }) => 10 * D * D * image + 12 * D * D * text + 6 * D * D,
    ],
  ];
  it.each(kinds)('%s has the parameters and operations of PPCL’s class', (_, edits, index, kind, parameters, flops) => {
    const block = edited(QWEN, edits).blocks[index]!;
    const tokens = TOKENS.image + TOKENS.text;
    expect(block.kind).toBe(kind);
    expect(block.parameters).toBe(parameters);
    expect(block.flops(TOKENS)).toBe(flops(TOKENS) + 4 * tokens * tokens * D);
  });

  it('of one stream’s linear layers keeps the other’s, which no class reads', () => {
    const model = edited(QWEN, [ffnEdit(1, 'text')]);
    expect(model.blocks[1]).toMatchObject({ kind: 'dual-text-ffn', parameters: 339_831_296 - 10 * D * D - 7 * D });
    expect(editedConfig(QWEN, [ffnEdit(1, 'text')])).toEqual({ why: expect.stringMatching(/all streams.*block 1 /) });
  });

  it('that no class reads are named by their index in the whole model, also after removed blocks', () => {
    const set = editSetOf([runEdit({ first: 3, last: 6 }, 'student'), ffnEdit(9, 'text')], editableModel(QWEN), 'test');
    expect(editedConfig(QWEN, set)).toEqual({ why: expect.stringMatching(/block 9 has one of each/) });
  });
});

describe('modulations', () => {
  it('through a shared basis cost their rank, and the basis once', () => {
    const rank = 8;
    const { parameters, flops } = edited(QWEN, [modulationEdit({ rank })]);
    expect(parameters).toBe(20_430_401_088 - 60 * 12 * D * D + 60 * 12 * D * rank + rank * D);
    expect(countFlops(QWEN, TOKENS).total - flops(TOKENS)).toBe(60 * 24 * D * (D - rank) - 2 * rank * D);
  });

  it('as a table cost their values at each timestep, and no operations', () => {
    const { parameters, flops } = edited(QWEN, [modulationEdit({ table: [1, 0.75, 0.5, 0.25] }, [3, 4])]);
    expect(20_430_401_088 - parameters).toBe(2 * 12 * (D * D + D) - 2 * 12 * D * 4);
    expect(countFlops(QWEN, TOKENS).total - flops(TOKENS)).toBe(2 * 24 * D * D);
  });

  it('of blocks that are narrower already, and of removed ones, are counted as they are', () => {
    const rank = 4;
    const edits = [
      runEdit({ first: 3, last: 9 }, 'student'),
      textStreamEdit({ first: 10, last: 11 }),
      ffnEdit(12, 'image'),
    ];
    const without = edited(QWEN, edits).parameters;
    const modulated = edited(QWEN, [...edits, modulationEdit({ rank })]).parameters;
    const rows = 54 * 12 - 6 - 3;
    expect(without - modulated).toBe(rows * D * (D - rank) - rank * D);
  });
});

describe('what a family’s structure allows', () => {
  it.each<[string, object, Edit, RegExp]>([
    [
      'a table where more than the timestep conditions blocks',
      { _class_name: 'QwenImageTransformer2DModel', use_additional_t_cond: true, use_layer3d_rope: true },
      modulationEdit({ table: [1] }),
      /additional_t_cond/,
    ],
    [
      'a stream that no block has',
      { _class_name: 'QwenImageTransformer2DModel' },
      ffnEdit(0, 'audio'),
      /no stream audio/,
    ],
    [
      'text that is held already',
      { _class_name: 'QwenImageTransformer2DModel', single_stream_index: [2] },
      textStreamEdit({ first: 1, last: 2 }),
      /held back already/,
    ],
    [
      'layers that are linear already',
      { _class_name: 'QwenImageTransformer2DModel', ffn_proj_index: [2] },
      ffnEdit(2, 'image'),
      /linear maps already/,
    ],
  ])('refuses %s, with the reason', (_, raw, edit, reason) => {
    expect(() => editSetOf([edit], editableModel(configOf(raw)), 'test')).toThrow(reason);
  });

  it('is asked of each block, for what shows a choice', () => {
    expect(whyNotAt(QWEN, 3, 'ffn')).toBeNull();
    expect(whyNotAt(QWEN, 60, 'ffn')).toMatch(/no block 60/);
  });
});

it('a narrow model pruned in depth has its lists renumbered', () => {
  const narrow = configOf({
    _class_name: 'QwenImageTransformer2DModel',
    num_layers: 8,
    single_stream_index: [2, 5, 6],
    ffn_proj_index: [1, 6],
    ehs_proj_index: [6],
  });
  const config = editedConfig(narrow, runEdits([{ first: 3, last: 4 }], 'student'));
  if ('why' in config) throw new Error(config.why);
  expect(config.raw).toMatchObject({
    num_layers: 7,
    single_stream_index: [2, 4, 5],
    ffn_proj_index: [1, 5],
    ehs_proj_index: [5],
  });
  expect(edited(narrow, NO_EDITS).parameters).toBe(countParameters(narrow).total);
});

it.each([
  ['no lists and no shared modulation', {}, null],
  ['PPCL’s lists', { ffn_proj_index: [1] }, /^PPCL's `QwenImage/],
  ['shared modulation', { shared_modulation: [{ blocks: [0, 1, 5], rank: 4 }] }, /^Contigua alone reads it/],
  [
    'both',
    { ffn_proj_index: [1], shared_modulation: [{ blocks: [0], timesteps: [1, 0.5] }] },
    /^Contigua alone reads it/,
  ],
])('a model with %s has the same reader after it is pruned in depth', (_, keys, about) => {
  const config = configOf({ _class_name: 'QwenImageTransformer2DModel', num_layers: 8, ...keys });
  const told = editedReader(config, runEdits([{ first: 3, last: 4 }], 'student'));
  if ('why' in told) throw new Error(told.why);
  if (about) expect(told.reader?.about).toMatch(about);
  else expect(told.reader).toBeNull();
});
