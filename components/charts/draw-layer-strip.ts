/**
 * Where everything on the layer strip lies, shared by the page's DOM elements and the exported figure: bracket row,
 * cells, two rows of probe bars. Rows from top to bottom; x comes from the block axis.
 */
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import { type BlockAxis, blockAxis, centreOf, endOf, labelledBlocks, startOf } from './block-axis.ts';
import { drawProbeRow, type ProbeDomain } from './draw-probe-row.ts';
import { type Mark, mark } from './marks.ts';
import type { ChartPalette } from './palette.ts';
import type { LayerStripProps } from './types.ts';

export const STRIP_ROWS = {
  brackets: { top: 2, height: 16 },
  cells: { top: 20, height: 34 },
  image: { top: 64, height: 26 },
  text: { top: 96, height: 26 },
  /** The line of text under the strip that says what is under the pointer. */
  readout: { top: 128, height: 20 },
} as const;
export const STRIP_HEIGHT = 150;
/** A chosen span stays this far inside its blocks so that two touching intervals read as two. */
const SPAN_INSET = 1.5;

export interface Span {
  readonly left: number;
  readonly width: number;
}
export function spanOf(axis: BlockAxis, { first, last }: BlockInterval, inset = SPAN_INSET): Span {
  const left = startOf(axis, first) + inset;
  return { left, width: Math.max(0, endOf(axis, last) - inset - left) };
}

/** A bracket opens downwards over its blocks: ┌──┐. */
export function bracketPath(axis: BlockAxis, interval: BlockInterval): string {
  const { left, width } = spanOf(axis, interval, 2);
  const { top, height } = STRIP_ROWS.brackets;
  return `M${left} ${top + height}V${top + 5}H${left + width}V${top + height}`;
}

type StripData = Pick<LayerStripProps, 'numBlocks' | 'selection' | 'detected' | 'probeR2'>;

/** The whole strip as one figure, for export. */
export function drawLayerStrip(data: StripData, width: number, domain: ProbeDomain, palette: ChartPalette): Mark[] {
  const axis = blockAxis(data.numBlocks, width);
  const { cells, image, text } = STRIP_ROWS;
  const labelled = new Set(labelledBlocks(axis));
  const marks: Mark[] = data.selection.map((interval) => {
    const { left, width: span } = spanOf(axis, interval);
    return mark('rect', { x: left, y: cells.top, width: span, height: cells.height, rx: 4, fill: palette.accent });
  });
  for (const interval of data.detected) {
    marks.push(mark('path', { d: bracketPath(axis, interval), fill: 'none', stroke: palette.detected }));
  }
  for (let block = 0; block < data.numBlocks; block++) {
    const chosen = data.selection.some(({ first, last }) => first <= block && block <= last);
    const x = startOf(axis, block) + 1;
    if (!chosen) {
      const shape = { x, y: cells.top, width: Math.max(1, axis.step - 2), height: cells.height, rx: 3 };
      marks.push(mark('rect', { ...shape, fill: palette.panel, stroke: palette.line }));
    }
    if (!labelled.has(block)) continue;
    const fill = chosen ? palette.background : palette.muted;
    const at = { x: centreOf(axis, block), y: cells.top + cells.height / 2, dy: '0.35em', 'text-anchor': 'middle' };
    marks.push(mark('text', { ...at, 'font-size': 11, fill }, String(block)));
  }
  if (data.probeR2) {
    marks.push(...drawProbeRow(data.probeR2.image, axis, { stream: 'image', ...image, domain, palette }));
    marks.push(...drawProbeRow(data.probeR2.text, axis, { stream: 'text', ...text, domain, palette }));
  }
  return marks;
}
