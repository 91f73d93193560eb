/**
 * The seam between two stacks on the block axis, and the stacks' names above their blocks. The same lines on strip and
 * trajectories, so that the eye runs down from one to the other. Nothing where all blocks are one stack.
 */
import { type AxisStack, type BlockAxis, endOf, seamAt, shortLabel, stackName, startOf } from './block-axis.ts';
import { type Mark, mark } from './marks.ts';
import type { ChartPalette } from './palette.ts';

/** Height of the line of the stacks' names above a chart. */
const NAMES_HEIGHT = 18;
export const namesHeight = ({ stacks }: Pick<BlockAxis, 'stacks'>): number => (stacks.length > 1 ? NAMES_HEIGHT : 0);

/** Width of a character of a stack's name, generously. */
const CHARACTER = 6;

export function drawSeams(axis: BlockAxis, top: number, bottom: number, palette: ChartPalette): Mark[] {
  return axis.seams.map((seam) => {
    const x = Math.round(seamAt(axis, seam)) + 0.5;
    return mark('line', { x1: x, x2: x, y1: top, y2: bottom, stroke: palette.muted });
  });
}

/** Each name begins with its stack; a stack too narrow for it has a shorter one, or none. */
export function drawStackNames(axis: BlockAxis, top: number, palette: ChartPalette): Mark[] {
  return axis.stacks.flatMap((stack) => {
    const x = startOf(axis, stack.first) + 1;
    const name = fitting(stack, endOf(axis, stack.last) - x);
    return name ? [mark('text', { x, y: top + 10, 'font-size': 11, fill: palette.muted }, name)] : [];
  });
}

function fitting(stack: AxisStack, room: number): string | undefined {
  return [stackName(stack), stack.label, shortLabel(stack)].find((name) => name.length * CHARACTER <= room);
}
