/** What the open model allows beside runs of blocks, as its summary says. Pure. */
import type { NarrowerFacts, StreamId } from '@/lib/core/model/config-index.ts';

export const allowsGroups = ({ textStream, text }: NarrowerFacts): boolean =>
  textStream !== null && text.includes(null);

/** Streams with feed-forward layers that some block can do without, in the order of the model. */
export const ffnStreams = ({ ffn }: NarrowerFacts): StreamId[] =>
  Object.entries(ffn).flatMap(([stream, reasons]) => (reasons.includes(null) ? [stream] : []));
