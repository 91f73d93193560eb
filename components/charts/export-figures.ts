/** The charts as standalone SVG figures, from the same drawings as the page's, in print colours. */
import { formatBlocks } from '@/lib/core/edit/index.ts';
import type { BlockInterval } from '@/lib/core/interval/index.ts';
import type { StreamSpec } from '@/lib/core/model/architecture.ts';
import { traitPlaces } from '@/lib/core/model/config-index.ts';
import type { Matrix } from '@/lib/core/report/report.ts';
import { shareText } from '@/lib/core/share-text.ts';
import { blockAxis, centreOf, labelledBlocks, stacksSentence } from './block-axis.ts';
import {
  drawHeatmapFrame,
  drawHeatmapSeams,
  drawMatrixCells,
  drawMissingCells,
  drawSquares,
  heatmapLayout,
} from './draw-heatmap.ts';
import { drawLayerStrip, stripRows } from './draw-layer-strip.ts';
import { drawNarrowerRows, type NarrowerFigureRows, narrowerFigureHeight } from './draw-narrower-rows.ts';
import { drawNoiseLegend, drawNoiseRows, type NoiseRowsData, noiseLayout } from './draw-noise-rows.ts';
import { probeDomain } from './draw-probe-row.ts';
import { drawStackNames, namesHeight } from './draw-seams.ts';
import { TRAIT_WORDS } from './draw-traits.ts';
import {
  drawChosenBands,
  drawDifferenceGrid,
  drawStartMarker,
  drawTrajectory,
  drawTrajectoryBackground,
  drawTrajectoryLabels,
} from './draw-trajectories.ts';
import { calibrationSentence, estimatorSentence, figureSvg, samplesSentence } from './figure.ts';
import { mark } from './marks.ts';
import { countText } from './number-text.ts';
import { PAPER_PALETTE } from './palette.ts';
import { type BlockPart, whyNoPart } from './stream-part.ts';
import { runEnd } from './trajectory-curves.ts';
import { TRAJECTORY_ROWS } from './trajectory-rows.ts';
import { type TrajectoryData, trajectoryScales } from './trajectory-scales.ts';
import type { ChartDepth, ColourMap, Domain, FigureFacts, LayerStripProps } from './types.ts';

const STRIP_WIDTH = 900;
const HEATMAP_WIDTH = 520;
const TRAJECTORIES_WIDTH = 900;

const listed = (intervals: readonly BlockInterval[]): string =>
  intervals.length === 0 ? 'none' : intervals.map(({ first, last }) => `${first}–${last}`).join(', ');

/** "a, b and c" */
const list = new Intl.ListFormat('en-GB');

const intervalsSentence = (detected: readonly BlockInterval[], selection: readonly BlockInterval[]): string =>
  `Detected: ${listed(detected)}. Chosen: ${listed(selection)}.`;

const settingsSentence = ({ settings, caveat }: FigureFacts): string[] => [
  ...(settings && settings.length > 0 ? [`Settings: ${settings.join('; ')}.`] : []),
  ...(caveat ? [caveat] : []),
];

/** What the hatched places of a figure mean, and what its seam is. */
function depthSentences({ stacks = [], blocks = [] }: Partial<ChartDepth>, streams: readonly StreamSpec[]): string[] {
  const silent = streams.flatMap((stream) => silentSentence(blocks, stream) ?? []);
  return [stacksSentence(stacks) ?? [], ...silent].flat();
}

function silentSentence(blocks: readonly BlockPart[], stream: StreamSpec): string | null {
  const reasons = new Set(blocks.flatMap((_, block) => whyNoPart(blocks, stream, block) ?? []));
  return reasons.size > 0 ? `Hatched: n/a, ${[...reasons].join(', ')}.` : null;
}

/** What the marks under the cells mean. */
function traitsSentence({ traits = [], blocks = [] }: Partial<ChartDepth>): string[] {
  const named = traitPlaces(traits, blocks).map(
    ({ trait, places }) => `${TRAIT_WORDS[traits.indexOf(trait)] ?? TRAIT_WORDS[0]}: ${trait.label} (${places})`,
  );
  return named.length > 0 ? [`Under the cells, ${named.join('; ')}.`] : [];
}

export interface StripFigureData
  extends Pick<
    LayerStripProps,
    'numBlocks' | 'stacks' | 'streams' | 'blocks' | 'traits' | 'selection' | 'detected' | 'probeR2' | 'foundIn'
  > {
  /** Left out where the model allows nothing of the kind. */
  readonly narrower?: NarrowerFigureRows | null | undefined;
}

export function layerStripSvg(data: StripFigureData, facts: FigureFacts): string {
  const { fitTokens, heldOutTokens } = facts.calibration;
  const { probeR2, narrower = null } = data;
  const streams = probeR2 ? data.streams : [];
  const axis = blockAxis(data.numBlocks, STRIP_WIDTH, data);
  const narrowerHeight = narrower ? narrowerFigureHeight(narrower) : 0;
  const { probes, allProbes, ...rows } = stripRows(axis, streams.length, 1, narrowerHeight);
  const below = { top: rows.narrower.top, streams: data.streams, palette: PAPER_PALETTE };
  const domain = probeDomain(...streams.map(({ id }) => probeR2?.[id] ?? []));
  const held = `${list.format(streams.map(({ id, label }) => `${countText(heldOutTokens[id] ?? 0)} ${label}`))} tokens`;
  const fitted = list.format(streams.map(({ id }) => countText(fitTokens[id] ?? 0)));
  const measured = `R² of each block's linear residual probe on ${held} held out (fitted on ${fitted}), scale ${domain[0]} to 1${(data.blocks ?? []).length > 0 ? '' : '; hatched: n/a'}.`;
  return figureSvg({
    title: `Blocks of ${facts.model}: detected and chosen intervals, probe substitutability`,
    width: STRIP_WIDTH,
    height: probes.length > 0 ? allProbes.top + allProbes.height : allProbes.top - 8,
    body: [
      ...drawLayerStrip(data, STRIP_WIDTH, domain, PAPER_PALETTE, narrowerHeight),
      ...(narrower ? drawNarrowerRows(narrower, axis, below) : []),
    ],
    caption: [
      `Brackets: detected intervals. Filled: chosen. ${intervalsSentence(data.detected, data.selection)}`,
      ...foundSentence(data),
      ...(narrower ? narrowerSentences(narrower, data.numBlocks) : []),
      ...(probeR2 ? [measured] : []),
      ...traitsSentence(data),
      ...depthSentences(data, streams),
      calibrationSentence(facts.calibration),
      ...settingsSentence(facts),
    ],
  });
}

/** Which row is which kind of narrower block, and what of it is chosen. */
function narrowerSentences({ groups, ffns, modulations }: NarrowerFigureRows, numBlocks: number): string[] {
  const ffnWords = ffns.flatMap(({ stream, chosen }) =>
    chosen.size === 0 ? [] : [`${stream.label} ${blocksWords([...chosen])}`],
  );
  const shared = modulations.map(({ blocks, words }) =>
    blocks.length === numBlocks ? words : `${words} in blocks ${blocksWords(blocks)}`,
  );
  return [
    ...(groups
      ? [
          `Row “groups”: text groups, as above; hatched: blocks that cannot be in one. Proposed: ${listed(groups.proposed)}. Chosen: ${listed(groups.chosen)}.`,
        ]
      : []),
    ...(ffns.length > 0
      ? [
          `Rows “FFN”: filled where one linear map replaces the layers, thin where none can: ${ffnWords.join('; ') || 'none'}.`,
        ]
      : []),
    ...(shared.length > 0 ? [`Row “mod.”: shared modulation, ${shared.join('; ')}.`] : []),
  ];
}

const blocksWords = (blocks: readonly number[]): string =>
  formatBlocks(
    blocks.toSorted((a, b) => a - b),
    ', ',
  ).replaceAll('-', '–');

export interface NoiseFigureData extends Pick<ChartDepth, 'numBlocks'>, Partial<Pick<ChartDepth, 'stacks'>> {
  readonly data: NoiseRowsData;
}

export function noiseRowsSvg({ numBlocks, stacks, data }: NoiseFigureData, facts: FigureFacts): string {
  const layout = noiseLayout(numBlocks, STRIP_WIDTH, data.rows.length, stacks);
  const { axis, legendTop } = layout;
  const numbers = labelledBlocks(axis).map((block) => {
    const at = { x: centreOf(axis, block), y: layout.bottom + 14, 'text-anchor': 'middle', 'font-size': 11 };
    return mark('text', { ...at, fill: PAPER_PALETTE.muted }, String(block));
  });
  return figureSvg({
    title: `Blocks of ${facts.model} by noise level: ${data.measure}`,
    width: STRIP_WIDTH,
    height: legendTop + 30,
    body: [
      ...drawNoiseRows(data, layout, PAPER_PALETTE, ''),
      ...numbers,
      mark('g', { transform: 'translate(0 16)' }, ...drawNoiseLegend(data, layout, PAPER_PALETTE)),
    ],
    caption: [
      `Rows: ${data.rows.map(({ label, words }) => (label === words ? words : `${label}, ${words}`)).join('; ')}. One colour scale.`,
      ...depthSentences({ stacks }, []),
      calibrationSentence(facts.calibration),
      ...settingsSentence(facts),
    ],
  });
}

function foundSentence({ detected, foundIn }: StripFigureData): string[] {
  const shares = detected.flatMap((interval) => {
    const share = foundIn?.(interval) ?? null;
    return share === null ? [] : [`${interval.first}–${interval.last} ${shareText(share)}`];
  });
  return shares.length === 0 ? [] : [`Found in resamples of the held-out prompts: ${shares.join(', ')}.`];
}

export interface HeatmapFigureData extends Partial<Pick<ChartDepth, 'stacks' | 'blocks'>> {
  readonly stream: StreamSpec;
  readonly matrix: Matrix;
  readonly domain: Domain;
  readonly colours?: ColourMap;
  readonly selection: readonly BlockInterval[];
  readonly detected: readonly BlockInterval[];
}

export function heatmapSvg(data: HeatmapFigureData, facts: FigureFacts): string {
  const { stream, matrix, domain, colours = 'viridis', selection, detected } = data;
  const layout = heatmapLayout(matrix.length, HEATMAP_WIDTH, data.stacks);
  return figureSvg({
    title: `State CKA between blocks of ${facts.model}, ${stream.label} stream`,
    width: HEATMAP_WIDTH,
    height: layout.readoutTop,
    body: [
      ...drawHeatmapFrame(layout, domain, colours, PAPER_PALETTE, 'ramp'),
      ...drawMatrixCells(matrix, layout, domain, colours),
      ...drawMissingCells(matrix, layout, PAPER_PALETTE),
      ...drawHeatmapSeams(layout, PAPER_PALETTE),
      ...drawSquares(detected, 'detected', layout, PAPER_PALETTE),
      ...drawSquares(selection, 'chosen', layout, PAPER_PALETTE),
    ],
    caption: [
      `${estimatorSentence(facts.estimator)} ${samplesSentence(facts.tokens, [stream])}`,
      calibrationSentence(facts.calibration),
      `Dashed squares: detected intervals; solid squares: chosen. ${intervalsSentence(detected, selection)}`,
      ...depthSentences(data, [stream]),
      ...settingsSentence(facts),
    ],
  });
}

function othersSentence({ curves: { others = [] } }: TrajectoryData): string {
  if (others.length === 0) return '';
  return ` Thin: ${others.length === 1 ? 'another analysis' : `${others.length} other analyses`} of the model.`;
}

export function trajectoriesSvg(
  data: TrajectoryData & Pick<HeatmapFigureData, 'selection'>,
  facts: FigureFacts,
): string {
  const scales = trajectoryScales(data, TRAJECTORIES_WIDTH);
  const names = namesHeight(scales.axis);
  const end = runEnd(data.curves, data.start);
  const { streams } = data.curves;
  const found =
    end?.by === 'break'
      ? `Break after block ${end.last}.`
      : end?.by === 'seam'
        ? `No break before the seam after block ${end.last}.`
        : end
          ? 'No break before the last block.'
          : 'Breaks are not told.';
  return figureSvg({
    title: `Surrogate of ${facts.model} from block ${data.start}: similarity to the whole model`,
    width: TRAJECTORIES_WIDTH,
    height: names + TRAJECTORY_ROWS.start.top + TRAJECTORY_ROWS.start.height,
    body: [
      ...drawStackNames(scales.axis, 0, PAPER_PALETTE),
      mark(
        'g',
        { transform: `translate(0 ${names})` },
        ...drawChosenBands(data.selection, scales.axis, PAPER_PALETTE),
        ...drawTrajectoryBackground(data, scales, PAPER_PALETTE),
        ...drawDifferenceGrid(scales.axis, scales, PAPER_PALETTE),
        ...drawTrajectory(data, scales, PAPER_PALETTE, 'panel'),
        ...drawTrajectoryLabels(data, scales, PAPER_PALETTE),
        drawStartMarker(data.start, scales.axis, PAPER_PALETTE),
      ),
    ],
    caption: [
      `Above: surrogate CKA(${data.start}, k), written cka; below: Δ(${data.start}, k) = cka(${data.start}, k−1) − cka(${data.start}, k). ${found} Faint: other starts.${othersSentence(data)}`,
      `${estimatorSentence(facts.estimator)} ${samplesSentence(facts.tokens, streams)}`,
      calibrationSentence(facts.calibration),
      `Shaded: chosen; brackets: detected. ${intervalsSentence(data.detected, data.selection)}`,
      ...depthSentences(data, streams),
      ...settingsSentence(facts),
    ],
  });
}

/** `contigua-shapes-mmdit-state-cka-image-debiased.svg`: lower case, safe on every file system. */
export function figureName(model: string, chart: readonly string[], extension: 'svg' | 'png' | 'csv'): string {
  const words = ['contigua', model, ...chart].join('-').toLowerCase();
  return `${words.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '')}.${extension}`;
}
