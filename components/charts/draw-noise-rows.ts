/**
 * One number per block for each noise level, as rows of coloured cells on the shared block axis: where blocks matter, at
 * once. All rows have one colour scale. Pure: data and width in, marks out.
 */
import { type AxisStack, type BlockAxis, blockAxis, centreOf, startOf } from './block-axis.ts';
import { rampStep } from './draw-heatmap.ts';
import { drawSeams } from './draw-seams.ts';
import { hatchPath } from './hatch.ts';
import { type Mark, mark } from './marks.ts';
import { type ChartPalette, colourRamp } from './palette.ts';
import type { ColourMap, Domain } from './types.ts';

export interface NoiseRow {
  readonly id: string;
  /** In the margin: one short word. */
  readonly label: string;
  /** In sentences: "early noise, timesteps 0.69 to 0.94". */
  readonly words: string;
  /** [M]; null where there is nothing to say. */
  readonly values: readonly (number | null)[];
}

export interface NoiseRowsData {
  readonly rows: readonly NoiseRow[];
  /** Values that span decades have a logarithmic colour scale. */
  readonly scale: 'linear' | 'log';
  /** What a cell says: "output error without the block". */
  readonly measure: string;
  readonly text: (value: number | null) => string;
  readonly colours: ColourMap;
}

const ROW = 18;
const GAP = 2;
/** Under the row of all timesteps, which the others are parts of. */
const PART_GAP = 6;
const LEGEND = 22;
const READOUT = 36;
const RAMP = { width: 96, height: 9, steps: 12 };
/** A logarithm reaches down to this share of the largest value at most. */
const LEAST_SHARE = 1e-3;

export interface NoiseLayout {
  readonly axis: BlockAxis;
  readonly tops: readonly number[];
  readonly rowHeight: number;
  readonly bottom: number;
  readonly legendTop: number;
  readonly readoutTop: number;
  readonly height: number;
}

export function noiseLayout(
  numBlocks: number,
  width: number,
  rows: number,
  stacks?: readonly AxisStack[],
): NoiseLayout {
  const axis = blockAxis(numBlocks, width, { stacks });
  const tops = Array.from({ length: rows }, (_, row) => row * (ROW + GAP) + (row > 0 ? PART_GAP : 0));
  const bottom = (tops.at(-1) ?? 0) + ROW;
  const legendTop = bottom + 8;
  const readoutTop = legendTop + LEGEND;
  return { axis, tops, rowHeight: ROW, bottom, legendTop, readoutTop, height: readoutTop + READOUT };
}

/** From the smallest to the largest value of all rows; on a logarithm no further down than a thousandth of the largest. */
export function noiseDomain({ rows, scale }: Pick<NoiseRowsData, 'rows' | 'scale'>): Domain {
  const values = rows.flatMap((row) => row.values).filter((value): value is number => Number.isFinite(value));
  const high = Math.max(...values, 0);
  if (scale === 'linear' || high === 0) return high > 0 ? [Math.min(0, ...values), high] : [0, 1];
  const low = Math.max(Math.min(...values), high * LEAST_SHARE);
  return low < high ? [low, high] : [high / 10, high];
}

function cellColour(value: number, [low, high]: Domain, { scale, colours }: NoiseRowsData): string {
  const place = scale === 'log' ? Math.log : (one: number) => one;
  const step = rampStep(place(Math.max(value, low)), [place(low), place(high)]);
  return colourRamp(colours)[step] ?? '';
}

/** Cells and row names; the row in use has a bold name. A cell without a value is hatched. */
export function drawNoiseRows(
  data: NoiseRowsData,
  layout: NoiseLayout,
  palette: ChartPalette,
  selected: string,
): Mark[] {
  const { axis, tops, rowHeight, bottom } = layout;
  const domain = noiseDomain(data);
  const width = Math.max(1, axis.step - (axis.step > 6 ? 1 : 0));
  const marks: Mark[] = [];
  for (const [row, { id, label, values }] of data.rows.entries()) {
    const top = tops[row] ?? 0;
    const look = id === selected ? { fill: palette.text, 'font-weight': 700 } : { fill: palette.muted };
    const at = { x: axis.left - 8, y: top + rowHeight / 2, dy: '0.35em', 'text-anchor': 'end', 'font-size': 11 };
    marks.push(mark('text', { ...at, ...look }, label));
    for (let block = 0; block < axis.numBlocks; block++) {
      const value = values[block] ?? null;
      const box = { x: startOf(axis, block), y: top, width, height: rowHeight };
      marks.push(
        value === null
          ? mark('path', { d: hatchPath(box), fill: 'none', stroke: palette.faint })
          : mark('rect', { ...box, fill: cellColour(value, domain, data) }),
      );
    }
  }
  return [...marks, ...drawSeams(axis, 0, bottom, palette)];
}

/** The rows with nothing in them yet, in their final places. */
export function drawEmptyNoiseRows({ axis, tops, rowHeight }: NoiseLayout, palette: ChartPalette): Mark[] {
  const box = { x: axis.left, width: axis.end - axis.left, height: rowHeight, rx: 3, fill: palette.panel };
  return tops.map((y) => mark('rect', { ...box, y }));
}

/** The colour scale with its ends, and what a cell says. */
export function drawNoiseLegend(data: NoiseRowsData, layout: NoiseLayout, palette: ChartPalette): Mark[] {
  const { axis, legendTop } = layout;
  const [low, high] = noiseDomain(data);
  const small = { 'font-size': 11, fill: palette.muted, y: legendTop + 9 };
  const lowText = data.text(low);
  const left = axis.left + lowText.length * 6.3 + 8;
  const step = RAMP.width / RAMP.steps;
  const steps = Array.from({ length: RAMP.steps }, (_, i) => {
    const fill = colourRamp(data.colours)[Math.round((i / (RAMP.steps - 1)) * 255)];
    return mark('rect', { x: left + i * step, y: legendTop, width: step + 0.5, height: RAMP.height, fill });
  });
  const highText = `${data.text(high)}${data.scale === 'log' ? ', log scale' : ''}`;
  const used = left + RAMP.width + 6 + highText.length * 6.3;
  const fits = used + 16 + data.measure.length * 6 < axis.end;
  return [
    mark('text', { ...small, x: axis.left }, lowText),
    ...steps,
    mark('text', { ...small, x: left + RAMP.width + 6 }, highText),
    ...(fits ? [mark('text', { ...small, x: axis.end, 'text-anchor': 'end' }, data.measure)] : []),
  ];
}

/** Around the cell under the pointer or cursor: light on dark, legible on every colour. */
export function drawNoiseCursor(layout: NoiseLayout, block: number | null, row: number | null): Mark[] {
  if (block === null) return [];
  const { axis, tops, rowHeight, bottom } = layout;
  const x = centreOf(axis, block) - axis.step / 2;
  const top = row === null ? 0 : (tops[row] ?? 0);
  const box = { x, y: top, width: Math.max(2, axis.step - 1), height: row === null ? bottom : rowHeight, fill: 'none' };
  return [
    mark('rect', { ...box, stroke: 'rgb(0 0 0 / 0.6)', 'stroke-width': 3 }),
    mark('rect', { ...box, stroke: '#ffffff', 'stroke-width': 1.25 }),
  ];
}
