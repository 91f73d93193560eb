/**
 * config.json of the models that edits leave: for PPCL's class, which extends diffusers' with narrower blocks, and for this product
 * alone where modulations are shared.
 */
import type { BlockSpec, NotAPart, SharedModulation } from '../architecture.ts';
import type { BlockForm } from '../block-form.ts';
import type { EditedKeys, ReaderClass } from '../family.ts';
import { keptGroups, type ModulationGroup, sharedModulationKeys } from '../shared-modulation.ts';
import type { QwenImageConfig } from './config.ts';
import { formOf, isNarrow, widthKeys } from './width-lists.ts';

const ABOUT =
  "PPCL's `QwenImageTransformer2DModel` reads it: `src/transformer_qwenimage_pruning.py` of " +
  'https://github.com/OPPO-Mente-Lab/Qwen-Image-Pruning, with diffusers 0.36 or earlier, whose pipelines pass the `txt_seq_lens` ' +
  'that its forward needs. The class of that name in diffusers has no narrower blocks, and refuses these weights or leaves some out.';

const PPCL: ReaderClass = { about: ABOUT, module: 'transformer_qwenimage_pruning' };

const CONTIGUA: ReaderClass = {
  about:
    'Contigua alone reads it: blocks share their modulation (`shared_modulation` in config.json), which no class of diffusers or PPCL ' +
    'knows. diffusers refuses these weights for their shapes. Matrices that are multiplied out would load there, but would be as large ' +
    'as those of the whole model.',
  module: null,
};

/** Of PPCL's class, which is of the plain form and replaces feed-forward layers of all of a block's streams at once. */
export function editedKeys(
  { narrow, modulations, zeroTimeReferences, layered, additionalTimeCondition }: QwenImageConfig,
  kept: readonly { readonly block: BlockSpec; readonly form: BlockForm }[],
): EditedKeys | NotAPart {
  const forms = kept.map(({ block, form }) => ({ ...formOf(narrow, block.index), ...form }));
  const why = whyNoClass(
    kept.map(({ block }) => block.index),
    forms,
  );
  if (why) return { why };
  const lists = widthKeys(forms);
  const isNarrower = forms.some(({ text, linearFfn }) => text || linearFfn);
  const groups = [
    ...keptGroups(
      modulations,
      kept.map(({ block }) => block.index),
    ),
    ...newGroups(forms),
  ];
  if (isNarrower && (zeroTimeReferences || layered || additionalTimeCondition)) {
    return {
      why: 'PPCL\u2019s class, the only one with narrower blocks, knows neither Edit (`zero_cond_t`) nor Layered models.',
    };
  }
  return {
    keys: {
      num_layers: kept.length,
      ...(isNarrower || isNarrow(narrow) ? lists : {}),
      ...sharedModulationKeys(groups),
    },
  };
}

export function readerOf({ narrow, modulations }: QwenImageConfig): ReaderClass | null {
  if (modulations.length > 0) return CONTIGUA;
  return isNarrow(narrow) ? PPCL : null;
}

/** The groups that edits make, in the order of their places. */
function newGroups(forms: readonly BlockForm[]): readonly ModulationGroup[] {
  const groups = new Map<number, { readonly by: SharedModulation; readonly blocks: Set<number> }>();
  forms.forEach(({ modulation }, place) => {
    if (!modulation) return;
    const { source, ...by } = modulation;
    const group = groups.get(source) ?? { by, blocks: new Set() };
    groups.set(source, group);
    group.blocks.add(place);
  });
  return [...groups].sort(([a], [b]) => a - b).map(([, group]) => group);
}

/** `blocks` are the indices in the whole model of the blocks in these forms. */
function whyNoClass(blocks: readonly number[], forms: readonly BlockForm[]): string | null {
  const half = forms.findIndex(({ text, linearFfn = [] }) => {
    if (linearFfn.length === 0) return false;
    return !linearFfn.includes('image') || !(text || linearFfn.includes('text'));
  });
  if (half < 0) return null;
  return `PPCL\u2019s class replaces the feed-forward layers of all streams of a block or of none; block ${blocks[half]} has one of each.`;
}
