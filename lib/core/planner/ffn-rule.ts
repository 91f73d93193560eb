/**
 * Which feed-forward layers of a block a plan may replace together, so that a class can read the model that is left: PPCL's replaces those
 * of all streams of a block or of none, but for a block whose text a group holds, where the others' are all. The family is asked, by the
 * config of a model with such blocks.
 */
import { type EditSet, ffnEdit, textStreamEdit } from '../edit/index.ts';
import { architectureOf, editableModel, editedConfig, type ModelConfig } from '../model/config-index.ts';

/** The group of choices that replace the layers of all streams of a block. */
export const WHOLE_FFN = 'ffn';

/** Layers that are replaced together, as one choice. */
export interface FfnWay {
  readonly streams: readonly string[];
  readonly group: string;
  /** Set where the block's text has to be held by a group. */
  readonly insteadOf?: string;
}

/** The ways of a block; null where each stream may be chosen by itself. Blocks of one kind are alike. */
export function ffnRule(config: ModelConfig, isAsked: boolean): (block: number) => readonly FfnWay[] | null {
  if (!isAsked) return () => null;
  const { blocks } = architectureOf(config);
  const editable = editableModel(config);
  const hasReader = (edits: EditSet) => !('why' in editedConfig(config, edits));
  const streamsOf = (block: number) =>
    Object.keys(blocks[block]?.parts?.ffn ?? {}).filter((id) => editable.whyNot(ffnEdit(block, id)) === null);
  const layersOf = (block: number, streams: readonly string[]) => streams.map((id) => ffnEdit(block, id));
  const isRead = blocks.some(({ index }, i) => {
    const isFirstOfKind = blocks.findIndex(({ kind }) => kind === blocks[i]?.kind) === i;
    const streams = streamsOf(index);
    return isFirstOfKind && streams.length > 0 && hasReader(layersOf(index, streams));
  });
  // Where no class reads any, a plan is still worth looking at.
  if (!isRead) return () => null;
  const known = new Map<string, readonly FfnWay[] | null>();
  return (block) => {
    const key = `${blocks[block]?.kind} ${streamsOf(block).join(' ')} ${block === 0}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const ways = waysOf(block);
    known.set(key, ways);
    return ways;
  };

  function waysOf(block: number): readonly FfnWay[] | null {
    const streams = streamsOf(block);
    if (streams.every((id) => hasReader(layersOf(block, [id])))) return null;
    const ways: FfnWay[] = [];
    if (hasReader(layersOf(block, streams))) ways.push({ streams, group: WHOLE_FFN });
    const others = streams.filter((id) => id !== editable.textStream);
    const group = block > 0 ? textStreamEdit({ first: block - 1, last: block }) : null;
    const canHold = group && others.length > 0 && editable.whyNot(group) === null;
    if (canHold && hasReader([group, ...layersOf(block, others)])) {
      ways.push({ streams: others, group: 'ffn held', insteadOf: WHOLE_FFN });
    }
    return ways;
  }
}
