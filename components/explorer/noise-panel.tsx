'use client';
/** Where blocks matter at each noise level, at once, and which level every other chart is read at. */
import { lazy, Suspense, useMemo } from 'react';
import { NOISE_ROWS_HEIGHT } from '@/components/charts/noise-rows-height';
import { Help } from '@/components/ui/help';
import { Panel } from '@/components/ui/panel';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { bandWords, NOISES, type Noise, whyNoBands } from '@/lib/page/explorer/noise.ts';
import { MEASURE_NAMES, noiseMeasure, noiseWords } from '@/lib/page/explorer/noise-measure.ts';
import { settingsStore } from '@/lib/page/explorer/settings.ts';
import { ChartDownload } from './chart-download';
import { afterFrames, FRAMES_BEFORE } from './frames-after';
import { noiseRowsData } from './noise-rows-data';
import { SettingChoice } from './setting-controls';
import { useAnalysis } from './use-analysis';
import { useLinked } from './use-linked';
import { useReportMark } from './use-report-mark';
import { useSetting } from './use-settings';

const LABELS = { together: 'Together', early: 'Early', middle: 'Middle', late: 'Late' } as const satisfies Record<
  Noise,
  string
>;

/** Drawn only after an analysis, so it is no part of the first load. */
const NoiseRows = lazy(async () => {
  const { NoiseRows } = await import('@/components/charts/noise-rows');
  return { default: afterFrames(NoiseRows, NoiseRowsPlace, FRAMES_BEFORE.noise) };
});

const NoiseHelp = lazy(async () => ({ default: (await import('./help-texts')).NoiseHelp }));

export function NoisePanel({ width }: { width: number }) {
  const report = useAnalysis((state) => state.report);
  const mark = useReportMark();
  const measured = useMemo(() => report && noiseMeasure(report), [report]);
  const missing = whyNoBands(report);
  const bands = report?.bands ?? [];
  return (
    <Panel
      title="Noise levels"
      help={
        <Help about="a noise level">
          <NoiseHelp />
        </Help>
      }
      reading={
        missing ?? (measured ? `${mark}${sentence(MEASURE_NAMES[measured.measure])}. ${noiseWords(measured)}` : '')
      }
      tools={
        <>
          <SettingChoice<Noise>
            name="Noise level"
            of={({ noise }) => (missing === null ? noise : 'together')}
            disabled={missing !== null}
            onChange={(next) => settingsStore.setState({ noise: next })}
            options={NOISES.map((value) => {
              const band = bands.find(({ id }) => id === value);
              return {
                value,
                label: LABELS[value],
                disabled: missing === null && value !== 'together' && !band,
                title: band ? sentence(bandWords(band)) : value === 'together' ? 'All timesteps' : (missing ?? ''),
              };
            })}
          />
          {missing === null ? (
            <ChartDownload name="noise levels" charts={[{ chart: 'noise', label: 'Noise levels' }]} />
          ) : null}
        </>
      }
    >
      <Rows width={width} report={report} />
    </Panel>
  );
}

const sentence = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);

function Rows({ width, report }: { width: number; report: AnalysisReport | null }) {
  const { numBlocks, stacks, hovered, onHover } = useLinked(width, NOTHING_DETECTED);
  const noise = useSetting('noise');
  const colours = useSetting('colours');
  const data = useMemo(() => report && noiseRowsData(report, colours), [report, colours]);
  const place = <NoiseRowsPlace />;
  if (!report) return place;
  return (
    <Suspense fallback={place}>
      <NoiseRows
        width={width}
        numBlocks={numBlocks}
        stacks={stacks}
        hovered={hovered}
        onHover={onHover}
        data={data}
        selected={noise}
        onSelect={(id) => settingsStore.setState({ noise: NOISES.find((one) => one === id) ?? 'together' })}
      />
    </Suspense>
  );
}

/** The place of the rows, with those of all timesteps and of each level where they will be drawn. */
function NoiseRowsPlace() {
  return (
    <div aria-hidden style={{ height: NOISE_ROWS_HEIGHT }} className="flex flex-col gap-0.5 pr-[26px] pl-12">
      <div className="mb-1.5 h-[18px] rounded-sm bg-panel-2" />
      <div className="h-[58px] rounded-sm bg-panel-2" />
    </div>
  );
}

const NOTHING_DETECTED: Parameters<typeof useLinked>[1] = [];
