/**
 * Which streams a model has and which blocks take part in them, as the model declares them. A block that does not update
 * a stream has no value there, and the reader is told why.
 */
import type { StreamId, StreamSpec } from '@/lib/core/model/architecture.ts';

/** What the charts need to know of a block. */
export interface BlockPart {
  /** Streams whose state it changes, as far as anything reads them. */
  readonly updates: readonly StreamId[];
  /** Ids of its traits. */
  readonly traits?: readonly string[];
}

/** Every stream that some block updates; all streams while nothing is known of the blocks. */
export function streamsUpdated(streams: readonly StreamSpec[], blocks: readonly BlockPart[]): readonly StreamSpec[] {
  return blocks.length === 0 ? streams : streams.filter(({ id }) => blocks.some(({ updates }) => updates.includes(id)));
}

/** Why a block has no value in a stream, or null where it takes part or nothing is known of the blocks. */
export function whyNoPart(blocks: readonly BlockPart[], { id, label }: StreamSpec, block: number): string | null {
  if (blocks[block] === undefined || blocks[block].updates.includes(id)) return null;
  const later = blocks.slice(block + 1).some(({ updates }) => updates.includes(id));
  if (later) return `block ${block} does not update the ${label}`;
  return `nothing reads the ${label} after ${block === blocks.length - 1 ? 'the last block' : `block ${block}`}`;
}
