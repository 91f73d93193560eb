/** What a config allows beside runs of blocks, for summaries (editable-from.ts). */
import type { WidthEdit } from '../edit/edit.ts';
import type { ModelConfig, StreamId } from './architecture.ts';
import { architectureOf } from './counts.ts';
import { editableModel, whyNotAt } from './editable.ts';
import type { NarrowerFacts } from './editable-from.ts';

export function narrowerFacts(config: ModelConfig): NarrowerFacts {
  const { blocks, conditionedBy = null, endsWithout, narrowerReadBy } = architectureOf(config);
  const streams = [...new Set(blocks.flatMap(({ parts }) => Object.keys(parts?.ffn ?? {})))];
  const at = (kind: WidthEdit['on'], stream?: StreamId) =>
    blocks.map(({ index }) => whyNotAt(config, index, kind, stream));
  return {
    textStream: editableModel(config).textStream,
    text: at('text-stream'),
    ffn: Object.fromEntries(streams.map((stream) => [stream, at('ffn', stream)])),
    anyFfn: at('ffn'),
    modulation: at('modulation'),
    ...(endsWithout ? { endsWithout } : {}),
    ...(narrowerReadBy ? { readBy: narrowerReadBy } : {}),
    table: conditionedBy,
  };
}
