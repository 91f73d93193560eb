/**
 * From what is on the page to figures and tables: gathers each chart's data and what its caption must say. Loaded when
 * the first download is asked for, not with the page.
 */
import type { FigureFacts } from '@/components/charts';
import { ckaDomain, trajectoryCurves } from '@/components/charts';
import { figureName, heatmapSvg, layerStripSvg, trajectoriesSvg } from '@/components/charts/export-figures.ts';
import { heatmapCsv, layerStripCsv, trajectoriesCsv } from '@/components/charts/export-tables.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { STREAMS } from '@/lib/core/report/report.ts';
import { saveCsv, savePng, saveSvg } from '@/lib/page/browser/export-chart.ts';
import { analysisStore } from '@/lib/page/explorer/analysis.ts';
import { detectedIn } from '@/lib/page/explorer/detection.ts';
import { modelStore } from '@/lib/page/explorer/model.ts';
import { selectionStore } from '@/lib/page/explorer/selection.ts';
import { settingsStore } from '@/lib/page/explorer/settings.ts';

export type ChartName = 'strip' | 'cka-image' | 'cka-text' | 'trajectories';
export type FileKind = 'svg' | 'png' | 'csv';

interface Figure {
  readonly words: readonly string[];
  svg(): string;
  csv(): string;
}

export async function saveChart(chart: ChartName, kind: FileKind): Promise<void> {
  const { report } = analysisStore.getState();
  if (!report) return;
  const figure = figureOf(chart, report);
  const name = figureName(report.model.name, figure.words, kind);
  if (kind === 'csv') saveCsv(name, figure.csv());
  else if (kind === 'svg') saveSvg(name, figure.svg());
  else await savePng(name, figure.svg());
}

function figureOf(chart: ChartName, report: AnalysisReport): Figure {
  const { detection, startBlock, colours, scale } = settingsStore.getState();
  const { estimator, streams } = detection;
  const { numBlocks } = report.model;
  const { summary } = modelStore.getState();
  const common = {
    numBlocks,
    stacks: summary?.stacks,
    blocks: summary?.blocks,
    selection: selectionStore.getState().selection.present,
    detected: detectedIn(report, detection),
  };
  const facts: FigureFacts = {
    model: report.model.name,
    calibration: report.calibration,
    estimator,
    settings: [
      streams === 'mean' ? 'mean of both streams decides' : `${streams} stream decides`,
      detection.start === 'block-u' ? 'surrogate: block u, then probes' : 'surrogate: probes from block u on',
      detection.target === 'teacher-after-k' ? 'compared with the model after k' : 'compared with the model after u',
    ],
  };
  switch (chart) {
    case 'strip': {
      const { image, text } = report.streams;
      const data = { ...common, probeR2: { image: image.probeR2, text: text.probeR2 } };
      return { words: ['blocks'], svg: () => layerStripSvg(data, facts), csv: () => layerStripCsv(data) };
    }
    case 'cka-image':
    case 'cka-text': {
      const stream = chart === 'cka-image' ? 'image' : 'text';
      const matrix = report.streams[stream].cka[estimator];
      const domain = ckaDomain(
        STREAMS.map((each) => report.streams[each].cka[estimator]),
        scale,
      );
      const data = { ...common, stream, matrix, domain, colours } as const;
      return {
        words: ['state-cka', stream, estimator],
        svg: () => heatmapSvg(data, facts),
        csv: () => heatmapCsv(matrix),
      };
    }
    case 'trajectories': {
      const curves = trajectoryCurves(report, detection);
      const data = { ...common, curves, start: startBlock };
      return {
        words: ['trajectories', streams, estimator],
        svg: () => trajectoriesSvg(data, facts),
        csv: () => trajectoriesCsv(curves),
      };
    }
    default:
      return chart satisfies never;
  }
}
