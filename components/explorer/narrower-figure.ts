/** Narrower blocks of the choice and proposed text groups, as the exported strip draws them. Pure. */
import type { NarrowerFigureRows } from '@/components/charts/draw-narrower-rows.ts';
import { type EditSet, type ModulationEdit, runsOf } from '@/lib/core/edit/index.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { proposedGroups } from '@/lib/page/explorer/narrower.ts';
import { allowsGroups, ffnStreams, whyNoFfn } from '@/lib/page/explorer/narrower-facts.ts';

type Model = Pick<ModelSummary, 'config' | 'fingerprint' | 'streams' | 'narrower' | 'numBlocks'>;

/** Null where the model allows none and nothing is chosen. */
export function narrowerFigure(model: Model, report: AnalysisReport, edits: EditSet): NarrowerFigureRows | null {
  const { narrower: facts, streams } = model;
  const { textStream } = facts;
  const specOf = (id: string) => streams.find((stream) => stream.id === id) ?? { id, label: id };
  const chosenGroups = edits.filter((edit) => edit.on === 'text-stream');
  const taken = { runs: runsOf(edits), groups: chosenGroups };
  const rows: NarrowerFigureRows = {
    groups:
      textStream !== null && allowsGroups(facts)
        ? {
            stream: specOf(textStream),
            chosen: chosenGroups,
            proposed: proposedGroups(report, model),
            isImpossible: (block) => (facts.text[block] ?? null) !== null,
          }
        : null,
    ffns: ffnStreams(facts).map((id) => ({
      stream: specOf(id),
      chosen: new Set(edits.flatMap((edit) => (edit.on === 'ffn' && edit.stream === id ? [edit.block] : []))),
      isImpossible: (block) => whyNoFfn(facts, id, block, taken) !== null,
    })),
    modulations: edits.filter((edit) => edit.on === 'modulation').map((edit) => sharedRow(edit, model)),
  };
  return rows.groups || rows.ffns.length > 0 || rows.modulations.length > 0 ? rows : null;
}

function sharedRow({ by, blocks }: ModulationEdit, { numBlocks }: Model): NarrowerFigureRows['modulations'][number] {
  return {
    blocks: blocks === 'all' ? Array.from({ length: numBlocks }, (_, block) => block) : blocks,
    words: 'rank' in by ? `rank ${by.rank}` : `table of ${by.table.length} timesteps`,
  };
}
