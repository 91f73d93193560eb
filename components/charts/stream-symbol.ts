/** The point of a stream on a curve or a stem: a shape of its own, so that streams are never told apart by colour alone. */
import { type Mark, mark } from './marks.ts';
import type { StreamSymbol } from './palette.ts';

/** `r` is the radius of the circle; the other shapes look as large. */
export function symbolMark(
  symbol: StreamSymbol,
  x: number,
  y: number,
  r: number,
  look: { readonly fill: string; readonly stroke?: string; readonly 'stroke-width'?: number },
): Mark {
  switch (symbol) {
    case 'circle':
      return mark('circle', { cx: x, cy: y, r, ...look });
    case 'square':
      return mark('rect', { x: x - 0.92 * r, y: y - 0.92 * r, width: 1.84 * r, height: 1.84 * r, ...look });
    case 'diamond':
      return mark('path', {
        d: `M${x} ${y - 1.2 * r}l${1.2 * r} ${1.2 * r}l${-1.2 * r} ${1.2 * r}l${-1.2 * r} ${-1.2 * r}z`,
        ...look,
      });
    case 'triangle':
      return mark('path', { d: `M${x} ${y - 1.1 * r}l${1.15 * r} ${2 * r}h${-2.3 * r}z`, ...look });
    default:
      return symbol satisfies never;
  }
}
