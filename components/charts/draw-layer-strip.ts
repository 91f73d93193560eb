/**
 * Where everything on the layer strip lies, shared by the page's DOM elements and the exported figure: the stacks'
 * names, bracket row, cells, a row of probe bars per stream. Rows from top to bottom; x comes from the block axis.
 */
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import { type BlockAxis, blockAxis, endOf, startOf } from './block-axis.ts';
import { drawProbeRow, type ProbeDomain } from './draw-probe-row.ts';
import { drawSeams, drawStackNames, namesHeight } from './draw-seams.ts';
import { drawTraits } from './draw-traits.ts';
import { type Mark, mark } from './marks.ts';
import { type ChartPalette, streamLook } from './palette.ts';
import { type StripNumber, stripNumbers } from './strip-numbers.ts';
import type { LayerStripProps } from './types.ts';

export interface StripRow {
  readonly top: number;
  readonly height: number;
}
export interface StripRows {
  readonly brackets: StripRow;
  readonly cells: StripRow;
  /** Where the marks of traits begin, between the cells and the probes. */
  readonly traitsTop: number;
  /** Room for what makes blocks narrower, below the traits. */
  readonly narrower: StripRow;
  /** One per stream. */
  readonly probes: readonly StripRow[];
  /** From the first probe row to the last. */
  readonly allProbes: StripRow;
  /** The text under the strip that says what is under the pointer. */
  readonly readout: StripRow;
  readonly height: number;
}

const PROBE_HEIGHT = 26;
const PROBE_STEP = 32;
/** A chosen span stays this far inside its blocks so that two touching intervals read as two. */
const SPAN_INSET = 1.5;

/** Of the text under the strip. */
const READOUT_LINE = 16;
const READOUT_CHARACTER = 6;
/** There is room for a paragraph of this length before an analysis, so that nothing moves when there is one. */
const RESERVED = 250;

/** Lines that the longest paragraph about a block takes in `width` pixels. */
export function readoutLines(findings: readonly string[] | null | undefined, width: number): number {
  const longest = Math.max(RESERVED, ...(findings ?? []).map(({ length }) => length + 'Block 59 · '.length));
  // A line seldom ends at its last pixel.
  return Math.ceil(longest / Math.max(1, Math.floor(width / READOUT_CHARACTER) - 5));
}

/** Only a model of several stacks has the line of their names. */
export function stripRows({ stacks }: Pick<BlockAxis, 'stacks'>, streams: number, lines = 1, narrower = 0): StripRows {
  const top = namesHeight({ stacks });
  const firstProbe = top + 64 + narrower + (narrower > 0 ? 10 : 0);
  const readout = { top: firstProbe + streams * PROBE_STEP, height: 4 + Math.max(1, lines) * READOUT_LINE };
  return {
    brackets: { top: top + 2, height: 16 },
    cells: { top: top + 20, height: 34 },
    traitsTop: top + 56,
    narrower: { top: top + 64, height: narrower },
    probes: Array.from({ length: streams }, (_, row) => ({ top: firstProbe + row * PROBE_STEP, height: PROBE_HEIGHT })),
    allProbes: { top: firstProbe, height: streams * PROBE_STEP - (PROBE_STEP - PROBE_HEIGHT) },
    readout,
    height: readout.top + readout.height + 2,
  };
}

export interface Span {
  readonly left: number;
  readonly width: number;
}
export function spanOf(axis: BlockAxis, { first, last }: BlockInterval, inset = SPAN_INSET): Span {
  const left = startOf(axis, first) + inset;
  return { left, width: Math.max(0, endOf(axis, last) - inset - left) };
}

/** A bracket opens downwards over its blocks: ┌──┐. */
export function bracketPath(axis: BlockAxis, interval: BlockInterval, { top, height }: StripRow): string {
  const { left, width } = spanOf(axis, interval, 2);
  return `M${left} ${top + height}V${top + 5}H${left + width}V${top + height}`;
}

/** An interval that few resamples find is faint, but never too faint to be seen. */
export function bracketOpacity(share: number | null): number {
  return share === null ? 1 : 0.45 + 0.55 * share;
}

/** The middle of a number's line of text in the row of cells. */
export function numberMiddle({ row }: StripNumber, cells: StripRow): number {
  return cells.top + cells.height * { upper: 0.29, middle: 0.5, lower: 0.71 }[row];
}

type StripData = Pick<
  LayerStripProps,
  'numBlocks' | 'stacks' | 'streams' | 'blocks' | 'traits' | 'selection' | 'detected' | 'probeR2' | 'foundIn'
>;

const opacityOf = ({ foundIn }: StripData, interval: BlockInterval): number | undefined =>
  foundIn && bracketOpacity(foundIn(interval));

/** The strip as one figure, for export, with room for what makes blocks narrower (draw-narrower-rows.ts). */
export function drawLayerStrip(
  data: StripData,
  width: number,
  domain: ProbeDomain,
  palette: ChartPalette,
  narrowerHeight = 0,
): Mark[] {
  const axis = blockAxis(data.numBlocks, width, { stacks: data.stacks });
  const streams = data.probeR2 ? data.streams : [];
  const { brackets, cells, traitsTop, narrower, probes, allProbes } = stripRows(
    axis,
    streams.length,
    1,
    narrowerHeight,
  );
  const marks: Mark[] = data.selection.map((interval) => {
    const { left, width: span } = spanOf(axis, interval);
    return mark('rect', { x: left, y: cells.top, width: span, height: cells.height, rx: 4, fill: palette.accent });
  });
  for (const interval of data.detected) {
    const line = { fill: 'none', stroke: palette.detected, 'stroke-opacity': opacityOf(data, interval) };
    marks.push(mark('path', { d: bracketPath(axis, interval, brackets), ...line }));
  }
  for (let block = 0; block < data.numBlocks; block++) {
    if (data.selection.some(({ first, last }) => first <= block && block <= last)) continue;
    const x = startOf(axis, block) + 1;
    const shape = { x, y: cells.top, width: Math.max(1, axis.step - 2), height: cells.height, rx: 3 };
    marks.push(mark('rect', { ...shape, fill: palette.panel, stroke: palette.line }));
  }
  for (const number of stripNumbers(axis, data.selection)) {
    const at = { x: number.x, y: numberMiddle(number, cells), dy: '0.35em', 'text-anchor': 'middle' };
    const fill = number.chosen ? palette.background : palette.muted;
    marks.push(mark('text', { ...at, 'font-size': 11, fill }, String(number.block)));
  }
  marks.push(...drawTraits(axis, data.traits ?? [], data.blocks ?? [], traitsTop, palette));
  for (const [row, stream] of streams.entries()) {
    const place = probes[row];
    if (!place) continue;
    const look = { name: stream.label, look: streamLook(row), ...place, domain, palette };
    marks.push(...drawProbeRow(data.probeR2?.[stream.id] ?? [], axis, look));
  }
  const bottom =
    streams.length > 0
      ? allProbes.top + allProbes.height
      : narrowerHeight > 0
        ? narrower.top + narrower.height
        : cells.top + cells.height + 4;
  marks.push(...drawSeams(axis, 0, bottom, palette), ...drawStackNames(axis, 0, palette));
  return marks;
}
