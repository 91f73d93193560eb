/** What the open model allows beside runs of blocks, as its summary says. Pure. */
import { type BlockInterval, intervalAt } from '@/lib/core/interval/index.ts';
import type { NarrowerFacts, StreamId } from '@/lib/core/model/config-index.ts';

export const allowsGroups = ({ textStream, text }: NarrowerFacts): boolean =>
  textStream !== null && text.includes(null);

/** Streams with feed-forward layers that some block can do without, in the order of the model. */
export const ffnStreams = ({ ffn }: NarrowerFacts): StreamId[] =>
  Object.entries(ffn).flatMap(([stream, reasons]) => (reasons.includes(null) ? [stream] : []));

interface Taken {
  /** Chosen runs, whose later blocks are taken out. */
  readonly runs: readonly BlockInterval[];
  /** Chosen text groups. */
  readonly groups: readonly BlockInterval[];
}

/** Why the feed-forward layers of one stream of a block cannot become one linear map, in a sentence; null where they can. */
export function whyNoFfn(
  { ffn, textStream, endsWithout }: NarrowerFacts,
  stream: StreamId,
  block: number,
  { runs, groups }: Taken,
): string | null {
  const reason = ffn[stream]?.[block] ?? null;
  if (reason !== null) return reason;
  const run = intervalAt(runs, block);
  if (run && run.first !== block) return 'the block is taken out.';
  if (run && run.last === (ffn[stream]?.length ?? 0) - 1 && endsWithout?.includes(stream))
    return `the run ${run.first}–${run.last} makes it the last block, which gives no ${stream}.`;
  const group = stream === textStream ? intervalAt(groups, block) : null;
  return group && group.first !== block ? `text group ${group.first}–${group.last} leaves none.` : null;
}
