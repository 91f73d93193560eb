'use client';
/** All blocks against all blocks, each stream, on one colour scale. */
import { lazy, useMemo } from 'react';
import { CkaHeatmap, ckaDomain, PAGE_PALETTE, streamLook } from '@/components/charts';
import { Help } from '@/components/ui/help';
import { Panel } from '@/components/ui/panel';
import type { BlockInterval } from '@/lib/core/interval/index.ts';
import type { StreamSpec } from '@/lib/core/model/config-index.ts';
import type { CkaEstimator } from '@/lib/core/report/report.ts';
import { streamTitle, tokensWords } from '@/lib/page/browser/stream-words.ts';
import { setDetection } from '@/lib/page/explorer/ranking.ts';
import { batchesWords, rowsWords, tokensRead } from '@/lib/page/explorer/reading.ts';
import { choose, newEdit } from '@/lib/page/explorer/selection.ts';
import { settingsStore } from '@/lib/page/explorer/settings.ts';
import { ChartDownload } from './chart-download';
import { SettingChoice } from './setting-controls';
import { useLinked, useStreams } from './use-linked';
import { bandMark, useNoiseReading } from './use-noise';
import { useReading } from './use-reading';
import { useReportMark } from './use-report-mark';
import { useSetting } from './use-settings';

const SIDE_BY_SIDE_PX = 560;
const GAP_PX = 16;
/** A heatmap is this much taller than wide: numbers, legend and readout below, less the margins at its sides. */
const BESIDE_SQUARE_PX = 34;

const CkaHelp = lazy(async () => ({ default: (await import('./help-texts')).CkaHelp }));

export function CkaPanel({ width, detected }: { width: number; detected: readonly BlockInterval[] }) {
  const reading = useNoiseReading();
  const report = reading?.report ?? null;
  const mark = useReportMark() + bandMark(reading);
  const caveat = useReading();
  const detection = useSetting('detection');
  const { rows, estimator } = reading?.settings ?? detection;
  const scale = useSetting('scale');
  const streams = useStreams();
  const beside = width > 0 && width < SIDE_BY_SIDE_PX ? 1 : streams.length === 1 ? 1 : 2;
  const each = Math.floor((width - GAP_PX * (beside - 1)) / beside);
  const domain = useMemo(
    () =>
      ckaDomain(
        Object.values(report?.streams ?? {}).map(({ similarity }) => similarity[rows]?.cka[estimator] ?? null),
        scale,
      ),
    [report, rows, estimator, scale],
  );
  return (
    <Panel
      title="Similarity of hidden states"
      help={
        <Help about="CKA">
          <CkaHelp />
        </Help>
      }
      reading={
        report
          ? `${mark}State CKA between blocks: linear, ${estimator}, n = ${tokensWords(tokensRead(report, { rows }), report.model.streams)}, ${[rowsWords(rows), batchesWords(report, { rows })].filter(Boolean).join(', ')}, one colour scale. ${caveat ?? ''}`
          : 'After Analyse: bright squares along the diagonal are runs of blocks whose states stay alike.'
      }
      tools={
        <>
          <SettingChoice<CkaEstimator>
            name="CKA estimator"
            of={({ detection }) => detection.estimator}
            onChange={(next) => setDetection(report, { estimator: next })}
            options={[
              { value: 'debiased', label: 'Debiased' },
              { value: 'biased', label: 'Biased' },
            ]}
          />
          <SettingChoice
            name="Colour scale"
            of={(settings) => settings.scale}
            onChange={(next) => settingsStore.setState({ scale: next })}
            options={[
              { value: 'data', label: 'Data range', title: 'From the smallest to the largest value off the diagonal' },
              { value: 'full', label: '0–1', title: 'The whole range of CKA' },
            ]}
          />
          <SettingChoice
            name="Colours"
            of={(settings) => settings.colours}
            onChange={(next) => settingsStore.setState({ colours: next })}
            options={[
              { value: 'viridis', label: 'Viridis' },
              { value: 'cividis', label: 'Cividis' },
            ]}
          />
          <ChartDownload
            name="similarity"
            charts={streams.map((stream) => ({
              chart: `cka-${stream.id}` as const,
              label: `${streamTitle(stream)} stream`,
            }))}
          />
        </>
      }
    >
      <div className="flex flex-wrap" style={{ gap: GAP_PX }}>
        {streams.length === 0 ? <Expected beside={beside} /> : null}
        {streams.map((stream, index) => (
          <div key={stream.id} style={{ width: width > 0 ? each : shareOf(beside) }}>
            <h3 className="mb-1 flex items-center gap-2 text-xs font-medium">
              <span
                aria-hidden
                className="h-0.5 w-3 rounded-full"
                style={{ background: streamLook(index).colour(PAGE_PALETTE) }}
              />
              {streamTitle(stream)} stream
            </h3>
            {/* Until the column is measured, the square's place by the browser's own arithmetic. */}
            {width === 0 ? <Square /> : null}
            <Heatmap width={width > 0 ? each : 0} stream={stream} detected={detected} domain={domain} />
          </div>
        ))}
      </div>
    </Panel>
  );
}

/** The places of two streams, as most models have, until a model is open. */
const Expected = ({ beside }: { beside: number }) => (
  <>
    {[0, 1].map((place) => (
      <div key={place} aria-hidden style={{ width: shareOf(beside) }}>
        <div className="mb-1 h-4" />
        <Square />
      </div>
    ))}
  </>
);

const shareOf = (beside: number): string =>
  beside === 1 ? '100%' : `calc(${100 / beside}% - ${(GAP_PX * (beside - 1)) / beside}px)`;

const Square = () => <div aria-hidden style={{ paddingBottom: `calc(100% + ${BESIDE_SQUARE_PX}px)` }} />;

interface HeatmapProps {
  width: number;
  stream: StreamSpec;
  detected: readonly BlockInterval[];
  domain: readonly [number, number];
}

function Heatmap({ width, stream, detected, domain }: HeatmapProps) {
  const linked = useLinked(width, detected);
  const reading = useNoiseReading();
  const detection = useSetting('detection');
  const { rows, estimator } = reading?.settings ?? detection;
  const colours = useSetting('colours');
  const similarity = reading?.report.streams[stream.id]?.similarity[rows] ?? null;
  return (
    <CkaHeatmap
      {...linked}
      stream={stream}
      estimator={estimator}
      domain={domain}
      colours={colours}
      matrix={similarity?.cka[estimator] ?? null}
      bounds={similarity?.bounds?.cka[estimator] ?? null}
      onAdd={(interval) => choose({ type: 'add', edit: newEdit(interval) })}
    />
  );
}
