/** config.json of the models that edits leave, for PPCL's class, which extends diffusers' with narrower blocks. */
import type { BlockSpec, NotAPart } from '../architecture.ts';
import type { BlockForm } from '../block-form.ts';
import type { EditedKeys } from '../family.ts';
import type { QwenImageConfig } from './config.ts';
import { formOf, widthKeys } from './width-lists.ts';

const ABOUT =
  "PPCL's `QwenImageTransformer2DModel` reads it: `src/transformer_qwenimage_pruning.py` of " +
  'https://github.com/OPPO-Mente-Lab/Qwen-Image-Pruning, with diffusers 0.36 or earlier, whose pipelines pass the `txt_seq_lens` ' +
  'that its forward needs. The class of that name in diffusers has no narrower blocks, and refuses these weights or leaves some out.';

const READER = { about: ABOUT, module: 'transformer_qwenimage_pruning' };

/** Of PPCL's class, which is of the plain form and replaces feed-forward layers of all of a block's streams at once. */
export function editedKeys(
  { narrow, zeroTimeReferences, layered, additionalTimeCondition }: QwenImageConfig,
  kept: readonly { readonly block: BlockSpec; readonly form: BlockForm }[],
): EditedKeys | NotAPart {
  const forms = kept.map(({ block, form }) => ({ ...formOf(narrow, block.index), ...form }));
  const why = whyNoClass(forms);
  if (why) return { why };
  if (zeroTimeReferences || layered || additionalTimeCondition) {
    return {
      why: 'PPCL\u2019s class, the only one with narrower blocks, knows neither Edit (`zero_cond_t`) nor Layered models.',
    };
  }
  return { keys: { num_layers: kept.length, ...widthKeys(forms) }, reader: READER };
}

function whyNoClass(forms: readonly BlockForm[]): string | null {
  if (forms.some(({ modulation }) => modulation))
    return 'No class reads modulations that share a basis or are a table.';
  const half = forms.findIndex(({ text, linearFfn = [] }) => {
    if (linearFfn.length === 0) return false;
    return !linearFfn.includes('image') || !(text || linearFfn.includes('text'));
  });
  if (half < 0) return null;
  return `PPCL\u2019s class replaces the feed-forward layers of all streams of a block or of none; block ${half} has one of each.`;
}
