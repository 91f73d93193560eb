/**
 * One row of probe substitutability: a bar per block from the bottom of the domain to its held-out R². A bar must start
 * at zero to be honest, so when every value is high the row zooms and draws dots on a labelled scale instead. A hatched
 * place is "n/a" (the block does not update the stream); a value below the domain is a small triangle at the floor.
 */
import { type BlockAxis, centreOf, endOf, startOf } from './block-axis.ts';
import { hatchPath } from './hatch.ts';
import { type Mark, mark } from './marks.ts';
import { scientificText } from './number-text.ts';
import type { ChartPalette, StreamLook } from './palette.ts';
import { symbolMark } from './stream-symbol.ts';
import type { Measured } from './types.ts';

/** Low end of the scale; the high end is 1, which R² never exceeds. */
export type ProbeDomain = readonly [low: number, high: 1];

/** Zero, unless every measured value is above one half: then the tenth (hundredth, …) below the smallest. */
export function probeDomain(...rows: readonly (readonly Measured[])[]): ProbeDomain {
  const values = rows.flat().filter((value): value is number => typeof value === 'number');
  const smallest = Math.min(1, ...values);
  if (values.length === 0 || smallest < 0.5) return [0, 1];
  const unit = 10 ** Math.floor(Math.log10(Math.max(1e-7, 1 - smallest)));
  return [Math.max(0, Number((Math.floor((smallest - unit / 2) / unit) * unit).toFixed(9))), 1];
}

export interface ProbeRowOptions {
  /** Of the stream. */
  readonly name: string;
  readonly look: StreamLook;
  readonly top: number;
  readonly height: number;
  readonly domain: ProbeDomain;
  readonly palette: ChartPalette;
}

export function drawProbeRow(
  values: readonly Measured[],
  axis: BlockAxis,
  { name, look, top, height, domain, palette }: ProbeRowOptions,
): Mark[] {
  const [low, high] = domain;
  const bottom = top + height;
  const colour = look.colour(palette);
  const thickness = Math.max(3, Math.min(14, axis.step * 0.55));
  // Dots of neighbours do not touch.
  const dot = Math.max(3, Math.min(6, axis.step * 0.7));
  const label = { x: axis.left - 8, 'text-anchor': 'end', 'font-size': 11 };
  const marks: Mark[] = [
    mark('text', { ...label, y: top + height / 2, dy: '0.35em', fill: colour }, name),
    ...groundLines(axis).map(([x1, x2]) =>
      mark('line', { x1, x2, y1: bottom - 0.5, y2: bottom - 0.5, stroke: palette.line }),
    ),
  ];
  const tick = { x: axis.end + 4, 'font-size': 9, fill: palette.faint };
  marks.push(mark('text', { ...tick, y: top + 7 }, String(high)), mark('text', { ...tick, y: bottom }, lowText(low)));
  for (let block = 0; block < axis.numBlocks; block++) {
    const value = values[block];
    const x = centreOf(axis, block);
    if (value === undefined) {
      marks.push(
        mark('rect', { x: x - thickness / 2, y: bottom - 3, width: thickness, height: 2, fill: palette.line }),
      );
    } else if (value === null) {
      const box = { x: startOf(axis, block) + 1, y: top, width: Math.max(2, axis.step - 2), height };
      marks.push(mark('path', { d: hatchPath(box), fill: 'none', stroke: palette.faint }));
    } else if (value <= low) {
      marks.push(mark('path', { d: `M${x - 3.5} ${bottom - 6}h7l-3.5 5z`, fill: 'none', stroke: colour }));
    } else {
      const rise = ((Math.min(value, high) - low) / (high - low)) * (height - 2);
      if (low === 0) {
        const bar = { x: x - thickness / 2, y: bottom - rise, width: thickness, height: rise, rx: 1 };
        marks.push(mark('rect', { ...bar, fill: colour }));
      } else {
        marks.push(...lollipop(x, bottom, bottom - Math.max(3, rise), dot, look, colour));
      }
    }
  }
  return marks;
}

/** One line per stack. */
function groundLines(axis: BlockAxis): (readonly [from: number, to: number])[] {
  const firsts = [0, ...axis.seams];
  return firsts.map((first, i) => [startOf(axis, first), endOf(axis, (firsts[i + 1] ?? axis.numBlocks) - 1)]);
}

/** "0.98"; "1−2e−4" where the margin is too narrow for all the nines. */
function lowText(low: number): string {
  return low > 0.995 ? `1−${scientificText(Number((1 - low).toPrecision(2)), 0)}` : String(low);
}

/** The stream's symbol on a thin stem: a position on a scale, not an amount. */
function lollipop(x: number, bottom: number, y: number, size: number, { symbol }: StreamLook, colour: string): Mark[] {
  const stem = mark('line', { x1: x, x2: x, y1: bottom, y2: y, stroke: colour, 'stroke-opacity': 0.35 });
  return [stem, symbolMark(symbol, x, y, size / 2, { fill: colour })];
}
