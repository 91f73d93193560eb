/** The charts of a run as standalone SVG figures, from the same drawings as the page's, in print colours. */

import type { StreamSpec } from '@/lib/core/model/architecture.ts';
import type { Baselines, HeldOutPoint } from '@/lib/core/run/index.ts';
import { drawHeldOut, HELD_OUT_HEIGHT, HELD_OUT_METRICS } from './draw-held-out.ts';
import {
  drawLossFrame,
  drawLossKey,
  drawLossSeries,
  LOSS_ROWS,
  type LossSeries,
  lossKeyHeight,
  lossScales,
} from './draw-loss-curve.ts';
import { drawPareto, drawParetoPoint, frontKeys, PARETO_HEIGHT, type ParetoData, paretoScales } from './draw-pareto.ts';
import { figureSvg } from './figure.ts';
import { type LogDomain, logDomain } from './log-scale.ts';
import { type Mark, mark } from './marks.ts';
import { PAPER_PALETTE } from './palette.ts';

export interface RunFacts {
  readonly model: string;
  /** Sentences for the caption: data, settings, engines. */
  readonly settings: readonly string[];
}

export interface LossPanel {
  readonly name: string;
  readonly steps: number;
  readonly series: readonly LossSeries[];
}

const PANEL_WIDTH = 420;
const COLUMN_GAP = 40;
const LOSS_PANEL_HEIGHT = LOSS_ROWS.steps.top + LOSS_ROWS.steps.height;
const NAME_HEIGHT = 22;
const EMPTY_DOMAIN: LogDomain = [0.001, 1];

/** Of the tallest panel, so that all are alike. */
function lossPanelHeight(panels: readonly LossPanel[]): number {
  const keys = panels.map(({ series }) =>
    lossKeyHeight(series, lossScales({ steps: 1, domain: EMPTY_DOMAIN }, PANEL_WIDTH)),
  );
  return NAME_HEIGHT + Math.max(0, ...keys) + LOSS_PANEL_HEIGHT;
}

export function lossesSvg(panels: readonly LossPanel[], facts: RunFacts): string {
  const each = lossPanelHeight(panels);
  const domain: LogDomain = logDomain(panels.flatMap(({ series }) => series.flatMap(({ raw }) => raw))) ?? EMPTY_DOMAIN;
  return figureSvg({
    title: `Distillation losses on ${facts.model}`,
    width: 2 * PANEL_WIDTH + COLUMN_GAP,
    height: Math.ceil(panels.length / 2) * each,
    body: inColumns(panels, each, ({ name, steps, series }) => lossPanel(name, steps, series, domain)),
    caption: [
      'Loss per optimizer step on training batches, log scale; faint: every step, bold: moving average of the logarithm.',
      ...facts.settings,
    ],
  });
}

/** Runs over each other, each panel on a scale of its own: losses and errors have none in common. */
export function comparisonSvg(panels: readonly LossPanel[], facts: RunFacts): string {
  const each = lossPanelHeight(panels);
  return figureSvg({
    title: `Distillation runs on ${facts.model}`,
    width: 2 * PANEL_WIDTH + COLUMN_GAP,
    height: Math.ceil(panels.length / 2) * each,
    body: inColumns(panels, each, ({ name, steps, series }) =>
      lossPanel(name, steps, series, logDomain(series.flatMap(({ smooth }) => smooth)) ?? EMPTY_DOMAIN),
    ),
    caption: ['Log scales; losses are moving averages of the logarithm.', ...facts.settings],
  });
}

function lossPanel(name: string, steps: number, series: readonly LossSeries[], domain: LogDomain): Mark[] {
  const scales = lossScales({ steps, domain }, PANEL_WIDTH);
  const below = NAME_HEIGHT - 6;
  return [
    nameMark(name),
    mark('g', { transform: `translate(0 ${below})` }, ...drawLossKey(series, scales, PAPER_PALETTE)),
    mark(
      'g',
      { transform: `translate(0 ${below + lossKeyHeight(series, scales)})` },
      ...drawLossFrame({ steps }, scales, PAPER_PALETTE),
      ...drawLossSeries({ steps, series, domain }, scales, PAPER_PALETTE),
    ),
  ];
}

export interface HeldOutPanel {
  readonly name: string;
  readonly steps: number;
  readonly baselines: Baselines | null;
  readonly points: readonly HeldOutPoint[];
  readonly firstBlock: number;
}

export function heldOutSvg(panels: readonly HeldOutPanel[], streams: readonly StreamSpec[], facts: RunFacts): string {
  const each = (PANEL_WIDTH - 20 * (streams.length - 1)) / Math.max(1, streams.length);
  const height = 2 * HELD_OUT_HEIGHT + NAME_HEIGHT + 8;
  return figureSvg({
    title: `Held-out errors of the students of ${facts.model}`,
    width: 2 * PANEL_WIDTH + COLUMN_GAP,
    height: Math.ceil(panels.length / 2) * height,
    body: inColumns(panels, height, ({ name, ...panel }) => [
      nameMark(name),
      ...HELD_OUT_METRICS.flatMap((metric, row) =>
        streams.map((stream, column) =>
          mark(
            'g',
            { transform: `translate(${column * (each + 20)} ${NAME_HEIGHT + row * HELD_OUT_HEIGHT})` },
            ...drawHeldOut({ ...panel, metric, stream }, each, PAPER_PALETTE),
          ),
        ),
      ),
    ]),
    caption: [
      'Errors of the student (solid) over its training against the teacher’s state after the interval, on held-out samples, log scale. Level lines: the interval’s first block as it stands, linear probes, the interval removed.',
      ...facts.settings,
    ],
  });
}

export function paretoSvg(data: ParetoData, current: string, facts: RunFacts): string {
  const width = 560;
  const scales = paretoScales(data, width);
  const front = frontKeys(data);
  return figureSvg({
    title: `Subsets plugged into ${facts.model}: ${data.quality === 'facts' ? 'facts held' : 'output error'} against parameters`,
    width,
    height: PARETO_HEIGHT,
    body: [
      ...drawPareto(data, scales, PAPER_PALETTE),
      ...data.points.flatMap((point) =>
        drawParetoPoint(point, point.key === current, front.has(point.key), scales, PAPER_PALETTE),
      ),
    ],
    caption: [
      'Filled: undominated; diamond: the teacher; square: the fine-tuned model; ringed: plugged in on the page.',
      ...facts.settings,
    ],
  });
}

function inColumns<P>(panels: readonly P[], height: number, draw: (panel: P) => Mark[]): Mark[] {
  return panels.map((panel, i) =>
    mark(
      'g',
      { transform: `translate(${(i % 2) * (PANEL_WIDTH + COLUMN_GAP)} ${Math.floor(i / 2) * height})` },
      ...draw(panel),
    ),
  );
}

const nameMark = (name: string): Mark =>
  mark('text', { x: 0, y: 12, 'font-size': 12, 'font-weight': 600, fill: PAPER_PALETTE.text }, name);
