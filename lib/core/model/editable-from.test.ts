import { describe, expect, it } from 'vitest';
import { editSetOf, ffnEdit, modulationEdit, runEdit, textStreamEdit, type WidthEdit } from '../edit/index.ts';
import { type ModelConfig, parseModelConfig } from './config-index.ts';
import { editableModel } from './editable.ts';
import { editableFrom, whyNone } from './editable-from.ts';
import { FLUX_GOLDENS } from './flux/goldens.ts';
import { FLUX2_GOLDENS } from './flux2/goldens.ts';
import { narrowerFacts } from './narrower-facts.ts';
import { goldenQ1 } from './qwen-image/goldens.ts';
import { SD3_GOLDENS } from './sd3/goldens.ts';

const configOf = (raw: object) => parseModelConfig(JSON.stringify(raw), 'config.json');
const CONFIGS: readonly (readonly [string, ModelConfig])[] = [
  ['Qwen-Image', goldenQ1().config],
  ['FLUX.1', configOf(FLUX_GOLDENS[0]!.config)],
  ['FLUX.2', configOf(FLUX2_GOLDENS[0]!.config)],
  ['Stable Diffusion 3', configOf(SD3_GOLDENS[0]!.config)],
];

function everyEdit({ numBlocks }: ModelConfig): WidthEdit[] {
  const blocks = Array.from({ length: numBlocks }, (_, block) => block);
  return [
    ...blocks.slice(1).map((last) => textStreamEdit({ first: last - 1, last })),
    ...blocks.flatMap((block) => ['image', 'text', 'sound'].map((stream) => ffnEdit(block, stream))),
    ...blocks.map((block) => modulationEdit({ rank: 1 }, [block])),
    modulationEdit({ rank: 1 }),
    modulationEdit({ table: [1] }),
  ];
}

describe('what a model allows beside runs', () => {
  it.each(CONFIGS)('is answered from the facts of a summary as from the config of %s', (_, config) => {
    const facts = JSON.parse(JSON.stringify(narrowerFacts(config))) as ReturnType<typeof narrowerFacts>;
    const [known, whole] = [editableFrom(facts, config), editableModel(config)];
    expect(known.textStream).toBe(whole.textStream);
    for (const edit of everyEdit(config)) {
      const [a, b] = [known.whyNot(edit), whole.whyNot(edit)];
      // Of a stream that is in no block, the summary does not say in which block.
      if (edit.on === 'ffn' && edit.stream === 'sound') expect(a === null).toBe(b === null);
      else expect(a, JSON.stringify(edit)).toBe(b);
    }
  });

  it('has a reason where no block allows it', () => {
    const facts = CONFIGS.map(([, config]) => narrowerFacts(config));
    // Single-stream blocks alone: neither stream has layers of its own.
    facts.push(narrowerFacts(configOf({ ...FLUX_GOLDENS[0]!.config, num_layers: 0 })));
    expect(facts.map(({ text, anyFfn, modulation }) => [text, anyFfn, modulation].map(whyNone))).toEqual([
      [null, null, null],
      [null, null, expect.stringContaining('pooled')],
      [null, null, expect.stringContaining('share one modulation')],
      [null, null, expect.stringContaining('pooled')],
      [
        expect.stringContaining('one sequence'),
        expect.stringContaining('side by side'),
        expect.stringContaining('pooled'),
      ],
    ]);
  });

  it('refuses text layers of a block that a run makes the last of Stable Diffusion 3, from a summary as from a config', () => {
    const sd3 = CONFIGS[3]![1];
    const last = sd3.numBlocks - 1;
    for (const model of [editableModel(sd3), editableFrom(narrowerFacts(sd3), sd3)]) {
      const set = (stream: string) =>
        editSetOf([runEdit({ first: last - 1, last }, 'nothing'), ffnEdit(last - 1, stream)], model, 'test');
      expect(() => set('text')).toThrow(/makes it the last block/);
      expect(set('image')).toHaveLength(2);
    }
  });
});
