/** The charts as standalone SVG figures, from the same drawings as the page's, in print colours. */
import type { BlockInterval } from '@/lib/core/interval/index.ts';
import type { Matrix, Stream } from '@/lib/core/report/report.ts';
import { drawHeatmapFrame, drawMatrixCells, drawSquares, heatmapLayout } from './draw-heatmap.ts';
import { drawLayerStrip, STRIP_ROWS } from './draw-layer-strip.ts';
import { probeDomain } from './draw-probe-row.ts';
import {
  drawStartMarker,
  drawTrajectory,
  drawTrajectoryBackground,
  drawTrajectoryLabels,
} from './draw-trajectories.ts';
import { calibrationSentence, estimatorSentence, figureSvg, samplesSentence } from './figure.ts';
import { countText } from './number-text.ts';
import { PAPER_PALETTE } from './palette.ts';
import { breakAfter } from './trajectory-curves.ts';
import { TRAJECTORY_ROWS, type TrajectoryData, trajectoryScales } from './trajectory-scales.ts';
import type { ColourMap, Domain, FigureFacts, LayerStripProps } from './types.ts';

const STRIP_WIDTH = 900;
const HEATMAP_WIDTH = 520;
const TRAJECTORIES_WIDTH = 900;

const listed = (intervals: readonly BlockInterval[]): string =>
  intervals.length === 0 ? 'none' : intervals.map(({ first, last }) => `${first}–${last}`).join(', ');

const intervalsSentence = (detected: readonly BlockInterval[], selection: readonly BlockInterval[]): string =>
  `Detected: ${listed(detected)}. Chosen: ${listed(selection)}.`;

const settingsSentence = ({ settings }: FigureFacts): string[] =>
  settings && settings.length > 0 ? [`Settings: ${settings.join('; ')}.`] : [];

export type StripFigureData = Pick<LayerStripProps, 'numBlocks' | 'selection' | 'detected' | 'probeR2'>;

export function layerStripSvg(data: StripFigureData, facts: FigureFacts): string {
  const { image, text } = STRIP_ROWS;
  const { fitTokens, heldOutTokens } = facts.calibration;
  const domain = probeDomain(data.probeR2?.image ?? [], data.probeR2?.text ?? []);
  const held = `${countText(heldOutTokens.image)} image and ${countText(heldOutTokens.text)} text tokens`;
  const fitted = `${countText(fitTokens.image)} and ${countText(fitTokens.text)}`;
  const probes = `R² of each block's linear residual probe on ${held} held out (fitted on ${fitted}), scale ${domain[0]} to 1; a dash: n/a.`;
  return figureSvg({
    title: `Blocks of ${facts.model}: detected and chosen intervals, probe substitutability`,
    width: STRIP_WIDTH,
    height: data.probeR2 ? text.top + text.height : image.top - 8,
    body: drawLayerStrip(data, STRIP_WIDTH, domain, PAPER_PALETTE),
    caption: [
      `Brackets: detected intervals. Filled: chosen. ${intervalsSentence(data.detected, data.selection)}`,
      ...(data.probeR2 ? [probes] : []),
      calibrationSentence(facts.calibration),
      ...settingsSentence(facts),
    ],
  });
}

export interface HeatmapFigureData {
  readonly stream: Stream;
  readonly matrix: Matrix;
  readonly domain: Domain;
  readonly colours?: ColourMap;
  readonly selection: readonly BlockInterval[];
  readonly detected: readonly BlockInterval[];
}

export function heatmapSvg(data: HeatmapFigureData, facts: FigureFacts): string {
  const { stream, matrix, domain, colours = 'viridis', selection, detected } = data;
  const layout = heatmapLayout(matrix.length, HEATMAP_WIDTH);
  return figureSvg({
    title: `CKA between blocks of ${facts.model}, ${stream} stream`,
    width: HEATMAP_WIDTH,
    height: layout.readoutTop,
    body: [
      ...drawHeatmapFrame(layout, domain, colours, PAPER_PALETTE, 'ramp'),
      ...drawMatrixCells(matrix, layout, domain, colours),
      ...drawSquares(detected, 'detected', layout, PAPER_PALETTE),
      ...drawSquares(selection, 'chosen', layout, PAPER_PALETTE),
    ],
    caption: [
      `${estimatorSentence(facts.estimator)} ${samplesSentence(facts.calibration.tokens, [stream])}`,
      calibrationSentence(facts.calibration),
      `Dashed squares: detected intervals; solid squares: chosen. ${intervalsSentence(detected, selection)}`,
      ...settingsSentence(facts),
    ],
  });
}

export function trajectoriesSvg(data: TrajectoryData, facts: FigureFacts): string {
  const scales = trajectoryScales(data, TRAJECTORIES_WIDTH);
  const after = breakAfter(data.curves, data.start);
  const found = after === null ? 'No break before the last block.' : `Break after block ${after}.`;
  return figureSvg({
    title: `Surrogate of ${facts.model} from block ${data.start}: similarity to the whole model`,
    width: TRAJECTORIES_WIDTH,
    height: TRAJECTORY_ROWS.start.top + TRAJECTORY_ROWS.start.height,
    body: [
      ...drawTrajectoryBackground(data, scales, PAPER_PALETTE),
      ...drawTrajectory(data, scales, PAPER_PALETTE, 'panel'),
      ...drawTrajectoryLabels(data, scales.axis, PAPER_PALETTE),
      drawStartMarker(data.start, scales.axis, PAPER_PALETTE),
    ],
    caption: [
      `Above: cka(${data.start}, k); below: Δ(${data.start}, k) = cka(${data.start}, k−1) − cka(${data.start}, k). ${found} Faint: other starts.`,
      `${estimatorSentence(facts.estimator)} ${samplesSentence(facts.calibration.tokens, ['image', 'text'])}`,
      calibrationSentence(facts.calibration),
      `Shaded: chosen; brackets: detected. ${intervalsSentence(data.detected, data.selection)}`,
      ...settingsSentence(facts),
    ],
  });
}

/** `contigua-shapes-mmdit-cka-image-debiased.svg`: lower case, safe on every file system. */
export function figureName(model: string, chart: readonly string[], extension: 'svg' | 'png' | 'csv'): string {
  const words = ['contigua', model, ...chart].join('-').toLowerCase();
  return `${words.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '')}.${extension}`;
}
