import { describe, expect, it } from 'vitest';
import { ffnEdit, modulationEdit, textStreamEdit, type WidthEdit } from '../edit/index.ts';
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
    const [qwen, flux] = [narrowerFacts(CONFIGS[0]![1]), narrowerFacts(CONFIGS[1]![1])];
    expect([qwen.text, qwen.anyFfn, qwen.modulation].map(whyNone)).toEqual([null, null, null]);
    expect([flux.text, flux.anyFfn, flux.modulation].map(whyNone)).toEqual([
      expect.stringContaining('no class of'),
      expect.stringContaining('no class of'),
      expect.stringContaining('pooled'),
    ]);
  });
});
