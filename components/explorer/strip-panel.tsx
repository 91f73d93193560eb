'use client';
/** The layer strip: every block, how well a linear probe stands in for it, what was detected and what is chosen. */
import { lazy, Suspense, useMemo, useState } from 'react';
import { useStore } from 'zustand';
import { LayerStrip, type StripRules, TraitLegend, whyNoPart } from '@/components/charts';
import { narrowerRowsHeight } from '@/components/charts/narrower-rows-height';
import { Button } from '@/components/ui/button';
import { Choice } from '@/components/ui/choice';
import { Help } from '@/components/ui/help';
import { Panel } from '@/components/ui/panel';
import type { BlockInterval } from '@/lib/core/interval/index.ts';
import { type NarrowerFacts, type StreamSpec, traitPlaces, whyNone } from '@/lib/core/model/config-index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { tokensWords } from '@/lib/page/browser/stream-words.ts';
import { blockWords } from '@/lib/page/explorer/block-words.ts';
import { breakFindings } from '@/lib/page/explorer/break-words.ts';
import { agreementWords } from '@/lib/page/explorer/comparison.ts';
import { allowsGroups, ffnStreams } from '@/lib/page/explorer/narrower-facts.ts';
import { clearRules, markBlocks, plannerStore } from '@/lib/page/explorer/planner.ts';
import { choose, gestureName, newEdit } from '@/lib/page/explorer/selection.ts';
import { ChartDownload } from './chart-download';
import { Placeholder } from './placeholder';
import { useAnalysis } from './use-analysis';
import { useAgreement, useComparison } from './use-comparison';
import { useFoundIn, useLinked } from './use-linked';
import { useModel } from './use-model';
import { bandMark, useNoiseReading } from './use-noise';
import { useReading } from './use-reading';
import { useReportMark, useSyntheticMark } from './use-report-mark';

const StripHelp = lazy(async () => ({ default: (await import('./help-texts')).StripHelp }));

export function StripPanel({ width, detected }: { width: number; detected: readonly BlockInterval[] }) {
  const reading = useNoiseReading();
  const report = reading?.report ?? null;
  const mark = useReportMark() + useSyntheticMark() + bandMark(reading);
  const caveat = useReading();
  const comparison = useComparison();
  const running = useAnalysis((state) => state.running !== null);
  const captured = useAnalysis((state) => state.running?.captured ?? 0);
  const partial = useAnalysis((state) => state.running?.probeR2 ?? null);
  const summary = useModel((state) => state.summary);
  const marked = summary ? traitPlaces(summary.traits, summary.blocks) : [];
  const ofReport = useMemo(() => (report ? probeR2Of(report) : null), [report]);
  return (
    <Panel
      title="Blocks"
      help={
        <Help about="the layer strip">
          <StripHelp traits={marked.map(({ trait }) => trait)} />
        </Help>
      }
      reading={
        running && captured > 0
          ? `Measuring: hidden states of ${captured} blocks captured.`
          : report
            ? `${mark}Probe R² on ${tokensWords(report.calibration.heldOutTokens, report.model.streams)} held out. Brackets: detected; filled: chosen. ${caveat ?? ''} ${comparison ? agreementWords(comparison) : ''}`.trim()
            : 'After Analyse: how well a linear probe does each block’s work, and which runs of blocks are redundant.'
      }
      tools={
        <>
          <RuleTools />
          <ChartDownload name="blocks" charts={[{ chart: 'strip', label: 'Blocks' }]} />
        </>
      }
    >
      <Strip
        width={width}
        detected={detected}
        probeR2={running && partial && Object.keys(partial).length > 0 ? partial : ofReport}
      />
    </Panel>
  );
}

/** No part of the first load; its place is kept. */
const StripNarrower = lazy(async () => ({ default: (await import('./strip-narrower')).StripNarrower }));

type ProbeR2 = React.ComponentProps<typeof LayerStrip>['probeR2'];

function probeR2Of({ streams }: AnalysisReport): NonNullable<ProbeR2> {
  return Object.fromEntries(Object.entries(streams).map(([id, { probeR2 }]) => [id, probeR2]));
}

function Strip({ width, detected, probeR2 }: { width: number; detected: readonly BlockInterval[]; probeR2: ProbeR2 }) {
  const linked = useLinked(width, detected);
  const findings = useFindings(detected);
  const foundIn = useFoundIn();
  const agreement = useAgreement();
  const rules = useRules();
  const narrower = useModel(({ summary }) => summary?.narrower ?? null);
  const [note, setNote] = useState<string | null>(null);
  const height = narrower ? narrowerRowsHeight(allowsGroups(narrower), ffnStreams(narrower).length) : 0;
  const below = useMemo(
    () =>
      height === 0
        ? null
        : {
            height,
            row: (
              <Suspense>
                <StripNarrower width={width} onNote={setNote} />
              </Suspense>
            ),
          },
    [height, width],
  );
  if (linked.numBlocks === 0) return <Placeholder height={150} />;
  return (
    <>
      <TraitLegend traits={linked.traits ?? []} blocks={linked.blocks ?? []} />
      <LayerStrip
        {...linked}
        probeR2={probeR2}
        findings={findings}
        foundIn={foundIn}
        agreement={agreement}
        rules={rules}
        below={below}
        note={note}
        onAdd={(interval) => choose({ type: 'add', edit: newEdit(interval) })}
        onToggle={(interval) => choose({ type: 'toggle', edit: newEdit(interval) })}
        onRemove={(interval) => choose({ type: 'remove', interval })}
        onMoveEdge={(interval, edge, block) =>
          choose({ type: 'move-edge', interval, edge, block, gesture: gestureName(`move ${edge}`) })
        }
      />
      {narrower ? <NotNarrower facts={narrower} /> : null}
    </>
  );
}

/** Why the model has no second row, or none of a kind, in the words of its family. */
function NotNarrower({ facts }: { facts: NarrowerFacts }) {
  const [text, ffn] = [whyNone(facts.text), whyNone(facts.anyFfn)];
  const words = [text && `No text groups: ${lowered(text)}`, ffn && `No linear FFNs: ${lowered(ffn)}`].filter(Boolean);
  return words.length === 0 ? null : <p className="mt-1 text-2xs text-muted">{words.join(' ')}</p>;
}

const lowered = (sentence: string): string => sentence.charAt(0).toLowerCase() + sentence.slice(1);

/** What a click or a drag on the strip does, and a way to free all blocks that a rule holds. */
function RuleTools() {
  const { marking, locked, forbidden } = useStore(plannerStore);
  const isAnalysed = useAnalysis(({ report }) => report !== null);
  if (!isAnalysed) return null;
  const held = locked.length + forbidden.length;
  return (
    <>
      {held > 0 ? (
        <Button small look="ghost" onClick={clearRules}>
          Free {held} {held === 1 ? 'block' : 'blocks'}
        </Button>
      ) : null}
      <Choice
        name="What a click on a block does"
        value={marking ?? 'choose'}
        onChange={(value) => plannerStore.setState({ marking: value === 'choose' ? null : value })}
        options={[
          { value: 'choose', label: 'Choose' },
          { value: 'lock', label: 'Lock', title: 'Plans keep the block with all of its weights' },
          { value: 'forbid', label: 'Forbid', title: 'Plans have no interval with the block' },
        ]}
      />
    </>
  );
}

function useRules(): StripRules | undefined {
  const { marking, locked, forbidden } = useStore(plannerStore);
  const isAnalysed = useAnalysis(({ report }) => report !== null);
  return useMemo(
    () => (isAnalysed ? { marking, locked, forbidden, onMark: markBlocks } : undefined),
    [isAnalysed, marking, locked, forbidden],
  );
}

/** None while an analysis runs: its partial values are those that count then. */
function useFindings(detected: readonly BlockInterval[]): readonly string[] | null {
  const running = useAnalysis((state) => state.running !== null);
  const reading = useNoiseReading();
  return useMemo(() => {
    if (!reading || running) return null;
    const { report, settings } = reading;
    const found = breakFindings(report, settings);
    const why = (stream: StreamSpec, block: number) => whyNoPart(report.model.blocks, stream, block);
    return blockWords(report, { settings, detected, found, whyNoPart: why });
  }, [reading, running, detected]);
}
