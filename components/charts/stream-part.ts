/**
 * Which streams a model has and which blocks take part in them, as data: from the report's keys and the model's blocks.
 * A block that does not update a stream has no value there, and the reader is told why.
 */
import { STREAMS, type Stream } from '@/lib/core/report/report.ts';

/** What the charts need to know of a block. */
export interface BlockPart {
  /** Streams whose state it changes, as far as anything reads them. */
  readonly updates: readonly Stream[];
}

/** The keys of a record of streams, in its own order. */
export const streamsOf = <S extends string>(perStream: Readonly<Record<S, unknown>>): readonly S[] =>
  Object.keys(perStream) as S[];

/** Every stream that some block updates; all streams before a model is open. */
export function streamsUpdated(blocks: readonly BlockPart[]): readonly Stream[] {
  return blocks.length === 0
    ? STREAMS
    : STREAMS.filter((stream) => blocks.some(({ updates }) => updates.includes(stream)));
}

/** Why a block has no value in a stream, or null where it takes part or nothing is known of the blocks. */
export function whyNoPart(blocks: readonly BlockPart[], stream: Stream, block: number): string | null {
  if (blocks[block] === undefined || blocks[block].updates.includes(stream)) return null;
  const later = blocks.slice(block + 1).some(({ updates }) => updates.includes(stream));
  if (later) return `block ${block} does not update the ${stream}`;
  return `nothing reads the ${stream} after ${block === blocks.length - 1 ? 'the last block' : `block ${block}`}`;
}
