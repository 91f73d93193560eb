/**
 * From what is on the page to figures and tables: gathers each chart's data and what its caption must say. Loaded when
 * the first download is asked for, not with the page.
 */
import type { FigureFacts } from '@/components/charts';
import { ckaDomain, trajectoryCurves } from '@/components/charts';
import {
  figureName,
  type HeatmapFigureData,
  heatmapSvg,
  layerStripSvg,
  noiseRowsSvg,
  trajectoriesSvg,
} from '@/components/charts/export-figures.ts';
import { heatmapCsv, layerStripCsv, noiseRowsCsv, trajectoriesCsv } from '@/components/charts/export-tables.ts';
import { foundIn, type StreamChoice, splitWords } from '@/lib/core/detection/index.ts';
import { ContiguaError } from '@/lib/core/errors.ts';
import type { BlockInterval } from '@/lib/core/interval/index.ts';
import type { StreamId, StreamSpec } from '@/lib/core/model/config-index.ts';
import type { AnalysisReport, Rows } from '@/lib/core/report/report.ts';
import { saveCsv, savePng, saveSvg } from '@/lib/page/browser/export-chart.ts';
import { compareWith, curvesOf } from '@/lib/page/explorer/comparison.ts';
import { detectedIn } from '@/lib/page/explorer/detection.ts';
import { modelStore } from '@/lib/page/explorer/model.ts';
import { bandWords, type NoiseReading, readingOf } from '@/lib/page/explorer/noise.ts';
import { allOthers, othersStore } from '@/lib/page/explorer/others.ts';
import { batchesWords, readingWords, rowsWords, tokensRead } from '@/lib/page/explorer/reading.ts';
import { presentRuns, selectionStore } from '@/lib/page/explorer/selection.ts';
import { settingsStore } from '@/lib/page/explorer/settings.ts';
import { narrowerFigure } from './narrower-figure';
import { noiseRowsData } from './noise-rows-data';

export type ChartName = 'strip' | 'noise' | 'trajectories' | `cka-${StreamId}`;
export type FileKind = 'svg' | 'png' | 'csv';

interface Figure {
  readonly words: readonly string[];
  svg(): string;
  csv(): string;
}

/** Of the report that the page shows. */
export async function saveChart(chart: ChartName, kind: FileKind, report: AnalysisReport): Promise<void> {
  const { detection, noise } = settingsStore.getState();
  const figure = figureOf(chart, report, readingOf(report, detection, noise));
  const name = figureName(report.model.name, figure.words, kind);
  if (kind === 'csv') saveCsv(name, figure.csv());
  else if (kind === 'svg') saveSvg(name, figure.svg());
  else await savePng(name, figure.svg());
}

function figureOf(
  chart: ChartName,
  whole: AnalysisReport,
  { report, settings: detection, band }: NoiseReading,
): Figure {
  const { startBlock, differences, colours } = settingsStore.getState();
  const { estimator, streams } = detection;
  const { numBlocks } = report.model;
  const { summary } = modelStore.getState();
  const presentEdits = selectionStore.getState().selection.present;
  const common = {
    numBlocks,
    stacks: summary?.stacks,
    streams: report.model.streams,
    blocks: summary?.blocks,
    traits: summary?.traits,
    selection: presentRuns(),
    detected: detectedIn(report, detection),
  };
  const facts: FigureFacts = {
    model: report.model.name,
    calibration: report.calibration,
    estimator,
    tokens: tokensRead(report, detection),
    caveat: [
      report.split.rule === 'golden-ratio' ? splitWords(report.split) : '',
      readingWords(report, detection) ?? '',
    ]
      .join(' ')
      .trim(),
    settings: [
      `tokens: ${[rowsWords(detection.rows), batchesWords(report, detection)].filter(Boolean).join(', ')}`,
      ...(band ? [bandWords(band)] : []),
      decidingWords(streams, report.model.streams),
      detection.start === 'block-u' ? 'surrogate: block u, then probes' : 'surrogate: probes from block u on',
      detection.target === 'teacher-after-k' ? 'compared with the model after k' : 'compared with the model after u',
    ],
  };
  switch (chart) {
    case 'strip': {
      const probeR2 = Object.fromEntries(Object.entries(report.streams).map(([id, one]) => [id, one.probeR2]));
      const data = {
        ...common,
        probeR2,
        foundIn: (interval: BlockInterval) => foundIn(report, detection, interval),
        narrower: summary && narrowerFigure(summary, report, presentEdits),
      };
      return { words: ['blocks'], svg: () => layerStripSvg(data, facts), csv: () => layerStripCsv(data) };
    }
    case 'noise': {
      const data = noiseRowsData(whole, colours);
      if (!data) throw new ContiguaError('internal', 'The analysis holds no noise levels apart');
      const ofWhole = { ...facts, calibration: whole.calibration, settings: [], caveat: null };
      return {
        words: ['noise-levels'],
        svg: () => noiseRowsSvg({ ...common, data }, ofWhole),
        csv: () => noiseRowsCsv(data),
      };
    }
    case 'trajectories': {
      const { shown, ...known } = othersStore.getState();
      const here = { report, settings: detection, band };
      const { detection: wanted, noise } = settingsStore.getState();
      const others = shown ? curvesOf(compareWith(here, allOthers(known), wanted, noise), detection) : [];
      const curves = { ...trajectoryCurves(report, detection), others };
      const data = { ...common, curves, start: startBlock, scale: differences };
      return {
        words: ['trajectories', streams, estimator],
        svg: () => trajectoriesSvg(data, facts),
        csv: () => trajectoriesCsv(curves),
      };
    }
    default:
      return heatmapFigure(chart, report, detection.rows, common, facts);
  }
}

function heatmapFigure(
  chart: `cka-${StreamId}`,
  report: AnalysisReport,
  rows: Rows,
  common: Omit<HeatmapFigureData, 'stream' | 'matrix' | 'domain'>,
  facts: FigureFacts,
): Figure {
  const { colours, scale } = settingsStore.getState();
  const { estimator } = facts;
  const stream = report.model.streams.find(({ id }) => chart === `cka-${id}`);
  const matrix = stream && report.streams[stream.id]?.similarity[rows]?.cka[estimator];
  if (!matrix) throw new ContiguaError('internal', `There is no chart ${chart}`);
  const domain = ckaDomain(
    Object.values(report.streams).map(({ similarity }) => similarity[rows]?.cka[estimator] ?? null),
    scale,
  );
  return {
    words: ['state-cka', stream.id, estimator],
    svg: () => heatmapSvg({ ...common, stream, matrix, domain, colours }, facts),
    csv: () => heatmapCsv(matrix),
  };
}

function decidingWords(choice: StreamChoice, streams: readonly StreamSpec[]): string {
  if (choice !== 'mean') return `${streams.find(({ id }) => id === choice)?.label ?? choice} stream decides`;
  return `mean of ${streams.length === 2 ? 'both' : 'all'} streams decides`;
}
