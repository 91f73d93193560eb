import { expect, it } from 'vitest';
import { editSetOf, ffnEdit, runEdit, textStreamEdit } from '@/lib/core/edit/index.ts';
import { editableModel, narrowerFacts, parseModelConfig } from '@/lib/core/model/config-index.ts';
import { whyNoFfn } from './narrower-facts.ts';

const SD3 = parseModelConfig(
  JSON.stringify({
    _class_name: 'SD3Transformer2DModel',
    num_layers: 24,
    num_attention_heads: 24,
    caption_projection_dim: 1536,
  }),
  'config.json',
);
const facts = narrowerFacts(SD3);
const taken = (first: number, last: number) => ({ runs: [runEdit({ first, last }, 'nothing')], groups: [] });

it('greys out the text FFN of a block that a run makes the last of Stable Diffusion 3, with the reason', () => {
  const reason = whyNoFfn(facts, 'text', 21, taken(21, 23));
  expect(reason).toBe('the run 21-23 makes it the last block, which gives no text.');
  expect(whyNoFfn(facts, 'image', 21, taken(21, 23))).toBeNull();
  expect(whyNoFfn(facts, 'text', 20, taken(20, 22))).toBeNull();
  expect(whyNoFfn(facts, 'text', 22, taken(21, 23))).toBe('the block is taken out.');
  expect(whyNoFfn(facts, 'text', 21, { runs: [], groups: [] })).toBeNull();
});

it('allows exactly what a choice takes', () => {
  const allows = (block: number, edits: Parameters<typeof editSetOf>[0]) => {
    try {
      editSetOf([...edits, ffnEdit(block, 'text')], editableModel(SD3), 'test');
      return true;
    } catch {
      return false;
    }
  };
  for (const [first, last] of [
    [21, 23],
    [20, 22],
    [3, 5],
  ] as const) {
    const run = runEdit({ first, last }, 'nothing');
    const group = textStreamEdit({ first: 10, last: 12 });
    for (let block = 0; block < 24; block++) {
      const isFree = whyNoFfn(facts, 'text', block, { runs: [run], groups: [group] }) === null;
      expect(isFree, `block ${block} beside ${first} to ${last}`).toBe(allows(block, [run, group]));
    }
  }
});
