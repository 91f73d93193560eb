/** config.json of the models that edits leave, for PPCL's class, which extends diffusers' with narrower blocks. */
import type { BlockSpec, NotAPart, RawConfig } from '../architecture.ts';
import type { BlockForm } from '../block-form.ts';
import type { QwenImageConfig } from './config.ts';
import { formOf, widthKeys } from './width-lists.ts';

/** Of PPCL's class, which is of the plain form and replaces feed-forward layers of all of a block's streams at once. */
export function editedKeys(
  { narrow, zeroTimeReferences, layered, additionalTimeCondition }: QwenImageConfig,
  kept: readonly { readonly block: BlockSpec; readonly form: BlockForm }[],
): { readonly keys: RawConfig } | NotAPart {
  const forms = kept.map(({ block, form }) => ({ ...formOf(narrow, block.index), ...form }));
  const why = whyNoClass(forms);
  if (why) return { why };
  if (zeroTimeReferences || layered || additionalTimeCondition) {
    return {
      why: 'PPCL\u2019s class, the only one with narrower blocks, knows neither Edit (`zero_cond_t`) nor Layered models.',
    };
  }
  return { keys: { num_layers: kept.length, ...widthKeys(forms) } };
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
