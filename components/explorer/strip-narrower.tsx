'use client';
/** The second row of the strip with the page's data: text groups and feed-forward layers, chosen, proposed and measured. */
import { useCallback, useMemo } from 'react';
import { useStore } from 'zustand';
import { NarrowerRows, type NarrowerRowsProps } from '@/components/charts/narrower-rows';
import { ffnEdit, textStreamEdit } from '@/lib/core/edit/index.ts';
import { widthDamageOf } from '@/lib/core/report/report.ts';
import { hoverStore, setHover } from '@/lib/page/explorer/hover.ts';
import { proposedGroups } from '@/lib/page/explorer/narrower.ts';
import { allowsGroups, ffnStreams, whyNoFfn } from '@/lib/page/explorer/narrower-facts.ts';
import { narrowerWords } from '@/lib/page/explorer/narrower-words.ts';
import { choose, chosenNarrower, chosenRuns, gestureName } from '@/lib/page/explorer/selection.ts';
import { useAnalysis } from './use-analysis';
import { useStreams } from './use-linked';
import { useModel, useSelection } from './use-model';

export function StripNarrower({ width, onNote }: { width: number; onNote: (note: string | null) => void }) {
  const summary = useModel((state) => state.summary);
  const report = useAnalysis((state) => state.report);
  const hovered = useStore(hoverStore);
  const runs = useSelection(chosenRuns);
  const narrower = useSelection(chosenNarrower);
  const streams = useStreams();
  const facts = summary?.narrower ?? null;
  const labelOf = useCallback((id: string) => streams.find((one) => one.id === id)?.label ?? id, [streams]);
  const proposed = useMemo(() => (summary && report ? proposedGroups(report, summary) : []), [summary, report]);
  const groups = useMemo<NarrowerRowsProps['groups']>(() => {
    if (!facts?.textStream || !allowsGroups(facts)) return null;
    const on = 'text-stream' as const;
    return {
      stream: { id: facts.textStream, label: labelOf(facts.textStream) },
      chosen: narrower.filter((edit) => edit.on === on),
      proposed,
      impossible: facts.text.flatMap((reason, block) =>
        reason === null ? [] : [{ first: block, last: block, reason }],
      ),
      words: (group) => narrowerWords(textStreamEdit(group), report, labelOf),
      onAdd: (group) => choose({ type: 'add', edit: textStreamEdit(group) }),
      onToggle: (group) => choose({ type: 'toggle', edit: textStreamEdit(group) }),
      onRemove: (interval) => choose({ type: 'remove', on, interval }),
      onMoveEdge: (interval, edge, block) =>
        choose({ type: 'move-edge', on, interval, edge, block, gesture: gestureName(`move text ${edge}`) }),
    };
  }, [facts, narrower, proposed, report, labelOf]);
  const ffns = useMemo<NarrowerRowsProps['ffns']>(() => {
    if (!facts) return [];
    const held = narrower.filter((edit) => edit.on === 'text-stream');
    const chosen = narrower.filter((edit) => edit.on === 'ffn');
    return ffnStreams(facts).map((id) => {
      const whyNot = (block: number) => whyNoFfn(facts, id, block, { runs, groups: held });
      return {
        stream: { id, label: labelOf(id) },
        chosen: new Set(chosen.filter(({ stream }) => stream === id).map(({ block }) => block)),
        measured: new Set(
          [...(facts.ffn[id] ?? []).keys()].filter((block) => report && widthDamageOf(report, ffnEdit(block, id))),
        ),
        whyNot,
        words(block: number) {
          const reason = whyNot(block);
          const known = narrowerWords(ffnEdit(block, id), report, labelOf);
          return reason === null ? known : `FFN of block ${block}, ${labelOf(id)} stream: ${reason}`;
        },
      };
    });
  }, [facts, runs, narrower, report, labelOf]);
  if (!summary || !facts || width <= 0) return null;
  return (
    <NarrowerRows
      width={width}
      numBlocks={summary.numBlocks}
      stacks={summary.stacks}
      streams={streams}
      hovered={hovered}
      onHover={setHover}
      groups={groups}
      ffns={ffns}
      onFfn={(stream, block) => choose({ type: 'toggle', edit: ffnEdit(block, stream.id) })}
      onNote={onNote}
    />
  );
}
