/** Narrower blocks of FLUX.1, FLUX.2 and Stable Diffusion 3, which this product alone reads: from the config alone. */
import { describe, expect, it } from 'vitest';
import { type Edit, editSetOf, ffnEdit, runEdit, textStreamEdit } from '../edit/index.ts';
import { sumOverRemoved } from '../interval/index.ts';
import { parseModelConfig } from './config.ts';
import { architectureOf, countFlops, countParameters, expectedTensors } from './counts.ts';
import { editableModel, whyNotAt } from './editable.ts';
import { editedModel, editedReader } from './edited.ts';
import { prunedModel } from './pruned.ts';

const configOf = (raw: object) => parseModelConfig(JSON.stringify(raw), 'config.json');
const FLUX = configOf({ _class_name: 'FluxTransformer2DModel', guidance_embeds: true });
const FLUX2 = configOf({ _class_name: 'Flux2Transformer2DModel' });
const SD3 = configOf({
  _class_name: 'SD3Transformer2DModel',
  num_layers: 24,
  num_attention_heads: 24,
  caption_projection_dim: 1536,
  qk_norm: 'rms_norm',
  dual_attention_layers: Array.from({ length: 13 }, (_, block) => block),
});
const MODELS = [
  ['FLUX.1', FLUX],
  ['FLUX.2', FLUX2],
  ['Stable Diffusion 3', SD3],
] as const;
const TOKENS = { image: 1024, text: 256 };

const set = (config: typeof FLUX, edits: readonly Edit[]) => editSetOf(edits, editableModel(config), 'test');

function edited(config: typeof FLUX, edits: readonly Edit[]) {
  const told = editedReader(config, set(config, edits));
  if ('why' in told) throw new Error(told.why);
  return { ...told, model: editedModel(config, set(config, edits)) };
}

const EDITS = [
  ffnEdit(0, 'text'),
  runEdit({ first: 1, last: 2 }, 'nothing'),
  ffnEdit(1, 'image'),
  textStreamEdit({ first: 3, last: 5 }),
  ffnEdit(4, 'image'),
  ffnEdit(6, 'image'),
  ffnEdit(6, 'text'),
];

describe.each(MODELS)('narrower blocks of %s', (label, config) => {
  it('are the same model as the one that the config describes: tensors, operations and kinds', () => {
    const { config: written, model } = edited(config, EDITS);
    const described = architectureOf(written);
    expect(model.blocks.map(({ kind, tensors }) => ({ kind, tensors }))).toEqual(
      described.blocks.map(({ kind, tensors }) => ({ kind, tensors })),
    );
    expect(model.parameters).toBe(countParameters(written).total);
    expect(model.parameters).toBeLessThan(countParameters(config).total);
    expect(model.flops(TOKENS)).toBe(countFlops(written, TOKENS).total);
    expect(written.raw).toMatchObject({
      num_layers: Number(config.raw.num_layers ?? (label === 'FLUX.1' ? 19 : 8)) - 1,
      linear_feed_forward: { image: [1, 3, 5], text: [0, 5] },
      held_text: { blocks: [3, 4], end: [4] },
    });
  });

  it('are read by this product alone, and whole ones by diffusers', () => {
    expect(edited(config, [ffnEdit(0, 'image')]).reader).toMatchObject({
      module: null,
      about: expect.stringContaining('Contigua alone reads it'),
    });
    const run = edited(config, [runEdit({ first: 1, last: 2 }, 'nothing')]);
    expect(run.reader).toBeNull();
    expect(Object.keys(run.config.raw)).not.toContain('linear_feed_forward');
  });

  it('keep their places when blocks before them go, and the keys stay when no such block is left', () => {
    const { config: written } = edited(config, [ffnEdit(0, 'image'), ffnEdit(3, 'text')]);
    const without = (gone: number) =>
      prunedModel(
        written,
        architectureOf(written).blocks.flatMap(({ index }) => (index === gone ? [] : [index])),
      );
    expect(without(1).raw.linear_feed_forward).toEqual({ image: [0], text: [2] });
    expect(without(0).raw.linear_feed_forward).toEqual({ text: [2] });
    const whole = edited(config, [ffnEdit(3, 'text')]).config;
    const left = prunedModel(
      whole,
      architectureOf(whole).blocks.flatMap(({ index }) => (index === 3 ? [] : [index])),
    );
    expect(left.raw.linear_feed_forward).toEqual({});
    expect(architectureOf(left).blocks[3]?.kind).toBe(architectureOf(config).blocks[4]?.kind);
  });

  it('are not made narrower twice', () => {
    const { config: written } = edited(config, [ffnEdit(1, 'image'), textStreamEdit({ first: 2, last: 3 })]);
    expect(whyNotAt(written, 1, 'ffn', 'image')).toMatch(/linear maps already/);
    expect(whyNotAt(written, 1, 'ffn', 'text')).toBeNull();
    expect(whyNotAt(written, 3, 'text-stream')).toMatch(/held back already/);
    const both = edited(written, [ffnEdit(1, 'text'), ffnEdit(3, 'image')]).config;
    expect(both.raw.linear_feed_forward).toEqual({ image: [1, 3], text: [1] });
    expect(both.raw.held_text).toEqual({ blocks: [3], end: [3] });
    // Its map would go with the text, and is counted as a part of the block.
    expect(whyNotAt(both, 1, 'text-stream')).toMatch(/linear map stands for the feed-forward layers of its text/);
  });

  it.each([
    [{ linear_feed_forward: [3] }, /`linear_feed_forward`.*\[3\].*image and text/],
    [{ linear_feed_forward: { sound: [3] } }, /`linear_feed_forward`.*sound/],
    [{ linear_feed_forward: { image: [3, 3] } }, /`linear_feed_forward`.*each once/],
    [{ linear_feed_forward: { image: [99] } }, /`linear_feed_forward`.*99.*each once and from 0 to/],
    [{ held_text: { blocks: [0] } }, /Block 0 cannot hold its text/],
    [{ held_text: { blocks: [2], end: [3] } }, /`held_text`.*ends among its blocks/],
  ])('are refused where config.json says %j', (keys, message) => {
    expect(() => configOf({ ...config.raw, ...keys })).toThrow(message);
  });
});

describe('what a linear map saves', () => {
  it('is the feed-forward layers and the rows that modulate them, of one stream of a block of FLUX.1-dev', () => {
    const D = 3072;
    const { model } = edited(FLUX, [ffnEdit(4, 'text')]);
    const gone = 8 * D * D + 5 * D + 3 * D * D + 3 * D;
    expect(countParameters(FLUX).total - model.parameters).toBe(gone - (D * D + D));
    const flops = 16 * D * D * TOKENS.text + 6 * D * D - 2 * D * D * TOKENS.text;
    expect(countFlops(FLUX, TOKENS).total - model.flops(TOKENS)).toBe(flops);
  });

  it('is the layers alone in FLUX.2, whose blocks hold no modulation', () => {
    const D = 6144;
    const { model } = edited(FLUX2, [ffnEdit(0, 'image')]);
    expect(countParameters(FLUX2).total - model.parameters).toBe(9 * D * D - (D * D + D));
  });

  it('is the queries of text and what they attend to where text is held', () => {
    const D = 3072;
    const { model } = edited(FLUX, [textStreamEdit({ first: 3, last: 4 })]);
    // Modulation, feed-forward layers, queries with their norm, output; a projector and the end come.
    const gone = 6 * D * D + 6 * D + 8 * D * D + 5 * D + D * D + D + 128 + D * D + D;
    expect(countParameters(FLUX).total - model.parameters).toBe(gone - 2 * (D * D + D));
    const { image, text } = TOKENS;
    const flops = 12 * D * D + 2 * text * (8 + 1 + 1 - 2) * D * D + 4 * text * (image + text) * D;
    expect(countFlops(FLUX, TOKENS).total - model.flops(TOKENS)).toBe(flops);
  });
});

describe('what does not apply', () => {
  it.each([
    ['FLUX.1', FLUX, 19],
    ['FLUX.2', FLUX2, 8],
  ] as const)('is told of the single-stream blocks of %s', (_, config, block) => {
    expect(whyNotAt(config, block, 'ffn', 'image')).toMatch(/side by side/);
    expect(whyNotAt(config, block, 'text-stream')).toMatch(/one sequence/);
    expect(() => set(config, [textStreamEdit({ first: block - 1, last: block })])).toThrow(/one sequence/);
  });

  it('is told of the last block of Stable Diffusion 3, and of the one that becomes the last', () => {
    expect(whyNotAt(SD3, 23, 'ffn', 'text')).toMatch(/gives no text/);
    expect(whyNotAt(SD3, 23, 'text-stream')).toMatch(/gives no text/);
    expect(whyNotAt(SD3, 23, 'ffn', 'image')).toBeNull();
    const run = runEdit({ first: 21, last: 23 }, 'nothing');
    expect(() => set(SD3, [run, ffnEdit(21, 'text')])).toThrow(/21-23.*makes it the last block, which gives no text/);
    const { config, model } = edited(SD3, [run, ffnEdit(21, 'image')]);
    expect(config.raw.linear_feed_forward).toEqual({ image: [21] });
    expect(model.parameters).toBe(countParameters(config).total);
  });

  it('goes from the form of a block that becomes the last of Stable Diffusion 3', () => {
    const { config } = edited(SD3, [ffnEdit(22, 'text'), ffnEdit(22, 'image')]);
    const blocks = architectureOf(config).blocks;
    const left = prunedModel(
      config,
      Array.from({ length: 23 }, (_, block) => block),
    );
    expect(left.raw.linear_feed_forward).toEqual({ image: [22] });
    const lost = countParameters(config).total - countParameters(left).total;
    expect(blocks[23]?.saves?.parameters).toBe(lost);
    expect(() => configOf({ ...SD3.raw, linear_feed_forward: { text: [23] } })).toThrow(/last block gives no text/);
  });

  it.each([
    ['the block before the last is linear', [ffnEdit(22, 'text'), ffnEdit(22, 'image')]],
    ['an earlier one is linear', [ffnEdit(20, 'text'), ffnEdit(19, 'image')]],
    ['the last blocks hold back their text', [textStreamEdit({ first: 20, last: 22 })]],
    ['a few hold it back and others are linear', [textStreamEdit({ first: 16, last: 18 }), ffnEdit(21, 'text')]],
  ] as const)('is counted in runs of any length to the end, as the files that are written: %s', (_, edits) => {
    const { config } = edited(SD3, edits);
    const [parameters, flops] = [countParameters(config), countFlops(config, TOKENS)];
    for (let first = 0; first < 23; first++) {
      const left = prunedModel(
        config,
        Array.from({ length: first + 1 }, (_, block) => block),
      );
      // A table of positions is stored and no parameter.
      const tensors = expectedTensors(left).filter(({ name }) => name !== 'pos_embed.pos_embed');
      const written = tensors.reduce((sum, { shape }) => sum + shape.reduce((all, side) => all * side, 1), 0);
      const run = [{ first, last: 23 }];
      const kept = parameters.total - sumOverRemoved(run, parameters.saved, parameters.savedAtEnd);
      expect(kept, `a run from block ${first}`).toBe(written);
      const operations = flops.total - sumOverRemoved(run, flops.saved, flops.savedAtEnd);
      expect(operations, `a run from block ${first}`).toBe(countFlops(left, TOKENS).total);
    }
    // A run that stops before the last block makes no other the last.
    expect(sumOverRemoved([{ first: 18, last: 22 }], parameters.saved, parameters.savedAtEnd)).toBe(
      parameters.blocks.slice(19, 23).reduce((sum, one) => sum + one),
    );
  });

  it('needs no such correction in a whole model', () => {
    for (const [, config] of MODELS) expect(countParameters(config).savedAtEnd).toBeUndefined();
  });
});
