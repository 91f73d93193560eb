/** What a model's structure allows edits to do, asked of the blocks that its family describes: what `editSetOf` checks against. */
import type { Edit, WidthEdit } from '../edit/edit.ts';
import type { EditableModel } from '../edit/edit-set.ts';
import type { Architecture, BlockSpec, ModelConfig, NotAPart } from './architecture.ts';
import { isPart } from './block-form.ts';
import { architectureOf } from './counts.ts';
import { familyNamed } from './families.ts';

export function editableModel(config: ModelConfig): EditableModel {
  const architecture = architectureOf(config);
  const { blocks, stacks, streams, endsWithout } = architecture;
  return {
    numBlocks: blocks.length,
    stacks,
    width: config.width,
    textStream: streams.find(({ input }) => input === 'encoder_hidden_states')?.id ?? null,
    endsWithout,
    whyNot: (edit) => whyNotEdit(config, architecture, edit),
  };
}

/** Why the model cannot have any edit of this kind at this block, in a sentence for people, or null: for what shows choices. */
export function whyNotAt(config: ModelConfig, index: number, kind: WidthEdit['on'], stream?: string): string | null {
  const { blocks, whyNoSharedModulation } = architectureOf(config);
  const block = blocks[index];
  if (!block) return `There is no block ${index}.`;
  if (kind === 'modulation' && whyNoSharedModulation !== undefined) return whyNoSharedModulation;
  const { parts, notNarrower } = block;
  if (!parts) {
    const byKind = kind === 'modulation' ? undefined : notNarrower?.[kind];
    return byKind ?? `${familyNamed(config.family).label} models are edited by runs of whole blocks alone.`;
  }
  if (kind === 'text-stream') return reasonOf(parts.text);
  if (kind === 'modulation') return reasonOf(parts.modulation);
  const streams = stream === undefined ? Object.keys(parts.ffn) : [stream];
  const reasons = streams.map((id) => {
    const part = Object.hasOwn(parts.ffn, id) ? parts.ffn[id] : undefined;
    return part ? reasonOf(part) : `Block ${index} has no stream ${id}.`;
  });
  return reasons.every((reason) => reason !== null) ? (reasons[0] ?? 'It has no feed-forward layers.') : null;
}

function whyNotEdit(config: ModelConfig, { blocks, conditionedBy }: Architecture, edit: WidthEdit): string | null {
  const at = (index: number, kind: WidthEdit['on'], stream?: string) => whyNotAt(config, index, kind, stream);
  switch (edit.on) {
    case 'text-stream':
      return firstOf(range(edit.first + 1, Math.min(edit.last, blocks.length - 1)).map((i) => at(i, edit.on)));
    case 'ffn':
      return at(edit.block, edit.on, edit.stream);
    case 'modulation': {
      if ('table' in edit.by && conditionedBy !== undefined) return conditionedBy;
      // Of all blocks, those that have a modulation of their own.
      if (edit.blocks !== 'all') return firstOf(edit.blocks.map((i) => at(i, edit.on)));
      const reasons = blocks.map(({ index }) => at(index, edit.on));
      return reasons.every((reason) => reason !== null) ? firstOf(reasons) : null;
    }
    default:
      return edit satisfies never;
  }
}

/** Why edits that the model can have cannot be trained, in a sentence; null where they can. A table is exact without training. */
export function whyNotTrained(config: ModelConfig, edits: readonly Edit[]): string | null {
  const hasBasis = edits.some((edit) => edit.on === 'modulation' && 'rank' in edit.by);
  return (hasBasis && architectureOf(config).whyNoTrainedModulation) || null;
}

/** Blocks whose modulation an edit replaces, before runs take any away. */
export function modulatedBlocks(
  blocks: readonly BlockSpec[],
  edit: Extract<Edit, { on: 'modulation' }>,
): readonly number[] {
  if (edit.blocks !== 'all') return edit.blocks;
  return blocks.filter(({ parts }) => isPart(parts?.modulation)).map(({ index }) => index);
}

function reasonOf(part: object | NotAPart): string | null {
  return 'why' in part ? String(part.why) : null;
}

function firstOf(reasons: readonly (string | null)[]): string | null {
  return reasons.find((reason) => reason !== null) ?? null;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
}
