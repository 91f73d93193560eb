'use client';
/** How far a surrogate of linear probes keeps up with the model from a start block on, and where it breaks away. */
import { lazy, Suspense, useEffect, useMemo } from 'react';
import { useStore } from 'zustand';
import { EmptyTrajectories, type TrajectoryCurves, trajectoryCurves } from '@/components/charts';
import { Help } from '@/components/ui/help';
import { Panel } from '@/components/ui/panel';
import { Popover } from '@/components/ui/popover';
import type { BlockInterval } from '@/lib/core/interval/index.ts';
import type { Rows } from '@/lib/core/report/report.ts';
import { streamTitle } from '@/lib/page/browser/stream-words.ts';
import { type BreakFinding, breakFindings, breakWords } from '@/lib/page/explorer/break-words.ts';
import type { Comparison } from '@/lib/page/explorer/comparison.ts';
import { busyStore, isAnalysing } from '@/lib/page/explorer/compute.ts';
import { setDetection } from '@/lib/page/explorer/ranking.ts';
import { whyNotResampled } from '@/lib/page/explorer/reading.ts';
import { settingsStore } from '@/lib/page/explorer/settings.ts';
import { ChartDownload } from './chart-download';
import { ComparePopover } from './compare-popover';
import { afterFrames, FRAMES_BEFORE } from './frames-after';
import { SettingChoice, SettingSelect } from './setting-controls';
import { useAnalysis } from './use-analysis';
import { useComparison, useOtherCurves } from './use-comparison';
import { useLinked, useStreams } from './use-linked';
import { bandMark, useNoiseReading } from './use-noise';
import { useReading } from './use-reading';
import { useReportMark } from './use-report-mark';
import { useSetting } from './use-settings';

const loadTrajectories = () => import('@/components/charts/trajectories');
const Trajectories = lazy(async () => {
  const { Trajectories } = await loadTrajectories();
  return { default: afterFrames(Trajectories, EmptyTrajectories, FRAMES_BEFORE.trajectories) };
});

const TrajectoriesHelp = lazy(async () => ({ default: (await import('./help-texts')).TrajectoriesHelp }));

export function TrajectoriesPanel({ width, detected }: { width: number; detected: readonly BlockInterval[] }) {
  const start = useStore(settingsStore, (state) => state.startBlock);
  const report = useAnalysis((state) => state.report);
  const here = useNoiseReading();
  const mark = useReportMark() + bandMark(here);
  const caveat = useReading();
  const streams = here?.report.streams ?? null;
  const model = here?.report.model ?? null;
  const confidence = here?.report.confidence ?? null;
  const read = here?.settings ?? null;
  const found = useMemo(
    () => (streams && model && read ? breakFindings({ streams, model, confidence }, read) : null),
    [streams, model, confidence, read],
  );
  const notResampled = useMemo(
    () => (streams && model && read ? whyNotResampled({ streams, model, confidence }, read) : null),
    [streams, model, confidence, read],
  );
  const comparison = useComparison();
  const others = useOtherCurves();
  const curves = useMemo(
    () =>
      streams && model && read
        ? { ...trajectoryCurves({ streams, model }, read), found: sharesOf(found), others }
        : null,
    [streams, model, read, found, others],
  );
  const startWords = useMemo(
    () => curves?.differences[curves.stream]?.map((row, u) => breakWords(row, u, model?.stacks, found?.[u])),
    [curves, model, found],
  );
  const declared = useStreams();
  return (
    <Panel
      title="Where runs break"
      help={
        <Help about="a difference trajectory">
          <TrajectoriesHelp />
        </Help>
      }
      reading={
        startWords?.[start]
          ? `${mark}${curves?.undecided ? '' : startWords[start]} ${notResampled ?? ''} ${caveat ?? ''} ${comparison ? othersWords(comparison) : ''}`.trim()
          : 'After Analyse: surrogate CKA(u, k) above, its difference Δ(u, k) below, from any start block u.'
      }
      tools={
        <>
          <SettingChoice
            name="Streams"
            of={({ detection }) => detection.streams}
            onChange={(streams) => setDetection(report, { streams })}
            options={[
              { value: 'mean', label: 'Mean' },
              ...declared.map((stream) => ({ value: stream.id, label: streamTitle(stream) })),
            ]}
          />
          <SettingChoice
            name="Scale of Δ"
            of={(settings) => settings.differences}
            onChange={(differences) => settingsStore.setState({ differences })}
            options={[
              { value: 'run', label: 'Run', title: 'The differences of the run in focus fill the panel' },
              { value: 'all', label: 'All', title: 'The differences of every start, on a symmetric logarithm' },
            ]}
          />
          <Popover
            name="Detection settings"
            label="Settings"
            buttonClass="inline-flex h-7 items-center rounded-md border border-line px-2 text-xs hover:bg-panel-2"
          >
            <h2 className="mb-2 text-sm font-semibold">Detection settings</h2>
            <p className="mb-3 text-xs text-muted">
              The paper leaves these readings open; the first option of each is the default. Detected intervals follow
              at once.
            </p>
            <div className="space-y-2">
              <SettingSelect<Rows>
                label="Tokens"
                of={({ detection }) => detection.rows}
                onChange={(rows) => setDetection(report, { rows })}
                options={[
                  { value: 'held-out', label: 'held out' },
                  { value: 'all', label: 'all' },
                ]}
              />
              <SettingSelect
                label="Block u"
                of={({ detection }) => detection.start}
                onChange={(next) => setDetection(report, { start: next })}
                options={[
                  { value: 'block-u', label: 'runs, probes follow' },
                  { value: 'probe-u', label: 'is a probe too' },
                ]}
              />
              <SettingSelect
                label="Compare with the model after"
                of={({ detection }) => detection.target}
                onChange={(target) => setDetection(report, { target })}
                options={[
                  { value: 'teacher-after-k', label: 'block k' },
                  { value: 'teacher-after-u', label: 'block u' },
                ]}
              />
            </div>
          </Popover>
          <ComparePopover />
          <ChartDownload name="trajectories" charts={[{ chart: 'trajectories', label: 'Trajectories' }]} />
        </>
      }
    >
      <Chart width={width} detected={detected} curves={curves} startWords={startWords} />
    </Panel>
  );
}

function othersWords({ others }: Comparison): string {
  if (others.length === 0) return '';
  return others.length === 1
    ? 'The thin line is another analysis of this model.'
    : `Thin lines are ${others.length} other analyses of this model.`;
}

function sharesOf(found: readonly BreakFinding[] | null): TrajectoryCurves['found'] {
  const [first] = found ?? [];
  return found && first ? { resamples: first.resamples, shares: found.map(({ share }) => share) } : null;
}

interface ChartProps {
  width: number;
  detected: readonly BlockInterval[];
  curves: TrajectoryCurves | null;
  startWords: readonly string[] | undefined;
}

function Chart({ width, detected, curves, startWords }: ChartProps) {
  const linked = useLinked(width, detected);
  const start = useStore(settingsStore, (state) => state.startBlock);
  const scale = useSetting('differences');
  const analysing = useStore(busyStore, isAnalysing);
  // The chart and its scales are no part of the first load; they are there by the end of the first analysis. A failure is
  // told where they are needed.
  useEffect(() => {
    if (analysing) loadTrajectories().catch(() => {});
  }, [analysing]);
  const empty = <EmptyTrajectories {...linked} />;
  if (!curves) return empty;
  return (
    <Suspense fallback={empty}>
      <Trajectories
        {...linked}
        curves={curves}
        start={start}
        scale={scale}
        startWords={startWords}
        onStart={(startBlock) => settingsStore.setState({ startBlock })}
      />
    </Suspense>
  );
}
