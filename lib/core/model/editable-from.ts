/**
 * What a model's structure allows beside runs of blocks, as plain JSON: a page that knows a model by its summary checks edits with it, without
 * the config readers of all families.
 */
import type { WidthEdit } from '../edit/edit.ts';
import type { EditableModel } from '../edit/edit-set.ts';
import type { Depth } from '../interval/index.ts';
import type { StreamId } from './architecture.ts';

/** Reasons are sentences for people, null where the edit can be made; one per block [M]. */
export interface NarrowerFacts {
  /** The stream that text groups hold back; null where there is none. */
  readonly textStream: StreamId | null;
  /** Why the block cannot be a later block of a text group. */
  readonly text: readonly (string | null)[];
  /** Why the feed-forward layers of the stream cannot be a linear map; streams that have some in no block are left out. */
  readonly ffn: Readonly<Record<StreamId, readonly (string | null)[]>>;
  /** Why no stream's can; null where one can. */
  readonly anyFfn: readonly (string | null)[];
  readonly modulation: readonly (string | null)[];
  /** Who reads a model with such blocks, in a sentence, where no class does. */
  readonly readBy?: string;
  /** Streams whose feed-forward layers a block loses when a run makes it the last one; left out where there are none. */
  readonly endsWithout?: readonly StreamId[];
  /** Why no table over timesteps can stand for modulations. */
  readonly table: string | null;
}

/** Answers as `editableModel` does, except that all blocks share a modulation where any can. */
export function editableFrom(facts: NarrowerFacts, model: Depth & { readonly width: number }): EditableModel {
  const { numBlocks, stacks, width } = model;
  return { numBlocks, ...(stacks ? { stacks } : {}), width, ...facts, whyNot };

  function whyNot(edit: WidthEdit): string | null {
    switch (edit.on) {
      case 'text-stream':
        return firstOf(facts.text.slice(edit.first + 1, edit.last + 1));
      case 'ffn': {
        const reasons = Object.hasOwn(facts.ffn, edit.stream) ? facts.ffn[edit.stream] : undefined;
        return reasons ? (reasons[edit.block] ?? null) : (facts.anyFfn[edit.block] ?? NO_STREAM);
      }
      case 'modulation':
        if ('table' in edit.by && facts.table !== null) return facts.table;
        if (edit.blocks !== 'all') return firstOf(edit.blocks.map((block) => facts.modulation[block] ?? null));
        return whyNone(facts.modulation);
      default:
        return edit satisfies never;
    }
  }
}

/** Why no block allows it: the first block's reason; null where one does. */
export function whyNone(reasons: readonly (string | null)[]): string | null {
  return reasons.includes(null) ? null : (reasons[0] ?? null);
}

const NO_STREAM = 'The block has no such stream.';

function firstOf(reasons: readonly (string | null)[]): string | null {
  return reasons.find((reason) => reason !== null) ?? null;
}
