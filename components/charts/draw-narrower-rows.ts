/**
 * What makes blocks narrower as rows of the exported strip, in the places of the page's rows: text groups, feed-forward layers
 * of each stream, and below them the blocks that share their modulation, which the page sets in a panel of its own.
 */
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import type { StreamSpec } from '@/lib/core/model/architecture.ts';
import { type BlockAxis, startOf } from './block-axis.ts';
import { bracketPath, spanOf } from './draw-layer-strip.ts';
import { hatchPath } from './hatch.ts';
import { type Mark, mark } from './marks.ts';
import { FFN_HEIGHT, FFN_STEP, narrowerRowsHeight } from './narrower-rows-height.ts';
import { type ChartPalette, streamLook } from './palette.ts';
import { symbolMark } from './stream-symbol.ts';

export interface NarrowerFigureRows {
  /** Null where the model has no text groups. */
  readonly groups: {
    readonly stream: StreamSpec;
    readonly chosen: readonly BlockInterval[];
    readonly proposed: readonly BlockInterval[];
    readonly isImpossible: (block: number) => boolean;
  } | null;
  readonly ffns: readonly {
    readonly stream: StreamSpec;
    readonly chosen: ReadonlySet<number>;
    readonly isImpossible: (block: number) => boolean;
  }[];
  /** None where each block has its own modulation. */
  readonly modulations: readonly {
    readonly blocks: readonly number[];
    /** "rank 8" */
    readonly words: string;
  }[];
}

export const narrowerFigureHeight = ({ groups, ffns, modulations }: NarrowerFigureRows): number =>
  narrowerRowsHeight(groups !== null, ffns.length) + (modulations.length > 0 ? FFN_STEP : 0);

/** As in the second row of the page's strip. */
const GROUP_CELLS = { top: 14, height: 22 };

export function drawNarrowerRows(
  rows: NarrowerFigureRows,
  axis: BlockAxis,
  { top, streams, palette }: { top: number; streams: readonly StreamSpec[]; palette: ChartPalette },
): Mark[] {
  const { groups, ffns, modulations } = rows;
  const lookOf = ({ id }: StreamSpec) =>
    streamLook(
      Math.max(
        0,
        streams.findIndex((stream) => stream.id === id),
      ),
    );
  const marks: Mark[] = [];
  if (groups) marks.push(...drawGroups(groups, axis, top, palette, lookOf(groups.stream).colour(palette)));
  const firstFfn = top + narrowerRowsHeight(groups !== null, 0);
  for (const [row, { stream, chosen, isImpossible }] of ffns.entries()) {
    const y = firstFfn + row * FFN_STEP;
    const look = lookOf(stream);
    const fill = look.colour(palette);
    const middle = y + FFN_HEIGHT / 2;
    marks.push(nameMark('FFN', axis.left - 18, middle, fill));
    marks.push(symbolMark(look.symbol, axis.left - 11, middle, 3, { fill }));
    for (let block = 0; block < axis.numBlocks; block++) {
      const x = startOf(axis, block) + 1;
      const width = Math.max(1, axis.step - 2);
      const box = { x, y: y + 1, width, height: FFN_HEIGHT - 2, rx: 3 };
      marks.push(
        chosen.has(block)
          ? mark('rect', { ...box, fill: palette.accent })
          : isImpossible(block)
            ? mark('rect', { ...box, y: y + 5, height: FFN_HEIGHT - 10, fill: palette.line })
            : mark('rect', { ...box, fill: 'none', stroke: palette.line }),
      );
    }
  }
  if (modulations.length > 0) {
    const y = firstFfn + ffns.length * FFN_STEP;
    marks.push(nameMark('mod.', axis.left - 8, y + FFN_HEIGHT / 2, palette.muted));
    for (const { blocks, words } of modulations) marks.push(...drawModulation(blocks, words, axis, y, palette));
  }
  return marks;
}

function drawGroups(
  { chosen, proposed, isImpossible }: NonNullable<NarrowerFigureRows['groups']>,
  axis: BlockAxis,
  top: number,
  palette: ChartPalette,
  colour: string,
): Mark[] {
  const cells = { top: top + GROUP_CELLS.top, height: GROUP_CELLS.height };
  const marks = [nameMark('groups', axis.left - 8, cells.top + cells.height / 2, colour)];
  for (let block = 0; block < axis.numBlocks; block++) {
    const x = startOf(axis, block) + 1;
    const box = { x, y: cells.top, width: Math.max(1, axis.step - 2), height: cells.height };
    marks.push(mark('rect', { ...box, rx: 3, fill: palette.panel, stroke: palette.line }));
    if (isImpossible(block)) marks.push(mark('path', { d: hatchPath(box), stroke: palette.faint, fill: 'none' }));
  }
  for (const group of chosen) {
    const { left, width } = spanOf(axis, group);
    marks.push(mark('rect', { x: left, y: cells.top, width, height: cells.height, rx: 4, fill: palette.accent }));
  }
  for (const group of proposed) {
    const d = bracketPath(axis, group, { top: top - 2, height: GROUP_CELLS.top });
    marks.push(mark('path', { d, fill: 'none', stroke: palette.detected }));
  }
  return marks;
}

/** A bar over each run of blocks; its rank stands in the first one with room for it. */
function drawModulation(
  blocks: readonly number[],
  words: string,
  axis: BlockAxis,
  y: number,
  palette: ChartPalette,
): Mark[] {
  const spans = runsOfBlocks(blocks, axis.seams).map((interval) => spanOf(axis, interval, 1));
  const needed = words.length * 6 + 8;
  const labelled = spans.findIndex(({ width }) => width >= needed);
  return spans.flatMap(({ left, width }, index) => {
    const bar = mark('rect', { x: left, y: y + 1, width, height: FFN_HEIGHT - 2, rx: 3, fill: palette.accent });
    const at = { x: left + width / 2, y: y + FFN_HEIGHT / 2, dy: '0.35em', 'text-anchor': 'middle', 'font-size': 10 };
    return index === labelled ? [bar, mark('text', { ...at, fill: palette.background }, words)] : [bar];
  });
}

/** Consecutive blocks of one stack; `blocks` ascend. */
function runsOfBlocks(blocks: readonly number[], seams: readonly number[]): BlockInterval[] {
  const runs: { first: number; last: number }[] = [];
  for (const block of blocks) {
    const run = runs.at(-1);
    if (run && run.last + 1 === block && !seams.includes(block)) run.last = block;
    else runs.push({ first: block, last: block });
  }
  return runs;
}

const nameMark = (name: string, x: number, y: number, fill: string): Mark =>
  mark('text', { x, y, dy: '0.35em', 'text-anchor': 'end', 'font-size': 11, fill }, name);
