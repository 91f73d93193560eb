/**
 * What some blocks of a stack have and others have not, as lines between the cells and the probes. Shapes tell traits apart,
 * never colours alone: two lines, a line that ends in a bar, a dotted line. A run of blocks reads as one line.
 */
import type { BlockTrait } from '@/lib/core/model/architecture.ts';
import { type BlockAxis, endOf, startOf } from './block-axis.ts';
import { type Mark, mark } from './marks.ts';
import type { ChartPalette } from './palette.ts';

/** Height of a mark, and of its place on the strip. */
export const TRAIT_HEIGHT = 6;

/** From `left` to `right`, around the middle of a row. */
type TraitShape = (left: number, right: number, middle: number) => { readonly d: string; readonly dash?: string };

/** By place in the model's list. */
const SHAPES: readonly [TraitShape, ...TraitShape[]] = [
  (left, right, y) => ({ d: `M${left} ${y - 1.5}H${right}M${left} ${y + 1.5}H${right}` }),
  (left, right, y) => ({ d: `M${left} ${y}H${right}M${right} ${y - 3}V${y + 3}` }),
  (left, right, y) => ({ d: `M${left} ${y}H${right}`, dash: '1.5 1.5' }),
];

/** The same shapes in words, for captions. */
export const TRAIT_WORDS: readonly [string, ...string[]] = ['two lines', 'a line that ends in a bar', 'a dotted line'];

/** A swatch of a legend, and each run of blocks on the strip. */
export function drawTrait(place: number, left: number, right: number, middle: number, palette: ChartPalette): Mark {
  const { d, dash } = (SHAPES[place] ?? SHAPES[0])(left, right, middle);
  return mark('path', { d, fill: 'none', stroke: palette.muted, 'stroke-width': 1.25, 'stroke-dasharray': dash });
}

export function drawTraits(
  axis: BlockAxis,
  traits: readonly BlockTrait[],
  blocks: readonly { readonly traits?: readonly string[] }[],
  top: number,
  palette: ChartPalette,
): Mark[] {
  const inset = Math.min(1, axis.step / 8);
  return traits.flatMap(({ id }, place) => {
    const has = (block: number) => blocks[block]?.traits?.includes(id) ?? false;
    // A run goes on over the gaps between cells, and not over a seam.
    const begins = (block: number) => has(block) && (!has(block - 1) || axis.seams.includes(block));
    const marks: Mark[] = [];
    for (let first = 0; first < axis.numBlocks; first++) {
      if (!begins(first)) continue;
      let last = first;
      while (has(last + 1) && !axis.seams.includes(last + 1)) last++;
      marks.push(
        drawTrait(place, startOf(axis, first) + inset, endOf(axis, last) - inset, top + TRAIT_HEIGHT / 2, palette),
      );
    }
    return marks;
  });
}
