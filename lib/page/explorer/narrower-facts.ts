/** What the open model allows beside runs of blocks, as its summary says. Pure. */
import { ffnEdit, type RunSet, type TextStreamEdit, whatTakes } from '@/lib/core/edit/index.ts';
import { intervalAt } from '@/lib/core/interval/index.ts';
import type { NarrowerFacts, StreamId } from '@/lib/core/model/config-index.ts';

export const allowsGroups = ({ textStream, text }: NarrowerFacts): boolean =>
  textStream !== null && text.includes(null);

/** Streams with feed-forward layers that some block can do without, in the order of the model. */
export const ffnStreams = ({ ffn }: NarrowerFacts): StreamId[] =>
  Object.entries(ffn).flatMap(([stream, reasons]) => (reasons.includes(null) ? [stream] : []));

interface Taken {
  /** Chosen runs, whose later blocks are taken out. */
  readonly runs: RunSet;
  /** Chosen text groups. */
  readonly groups: readonly TextStreamEdit[];
}

/** Why the feed-forward layers of one stream of a block cannot become one linear map, in a sentence; null where they can. */
export function whyNoFfn(
  { ffn, textStream, endsWithout }: NarrowerFacts,
  stream: StreamId,
  block: number,
  { runs, groups }: Taken,
): string | null {
  const reasons = ffn[stream] ?? [];
  const reason = reasons[block] ?? null;
  if (reason !== null) return reason;
  const run = intervalAt(runs, block);
  if (run && run.first !== block) return 'the block is taken out.';
  const taken = whatTakes(ffnEdit(block, stream), runs, groups, { textStream, endsWithout, numBlocks: reasons.length });
  return taken === null ? null : `${taken}.`;
}
