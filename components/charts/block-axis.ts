/**
 * The one block axis of the page: strip, probe bars and trajectories of the same width put block k at exactly the same
 * x. A block is a band `step` wide; curves pass through band centres. Between two stacks lies a seam, a gap of the same
 * width everywhere, that no interval crosses. Pure numbers, CSS pixels.
 */
import type { BlockInterval, Depth } from '@/lib/core/interval/interval.ts';
import type { StackSpec } from '@/lib/core/model/architecture.ts';

export const AXIS_LEFT = 48;
export const AXIS_RIGHT = 26;
/** Closest distance of two regular block numbers. */
const LABEL_GAP = 26;
/** Closest distance of a regular number to one that must be there. */
const CROWDED = 20;
/** Between the last block of a stack and the first of the next. */
const SEAM_GAP = 13;

/** A run of blocks with a name of its own, as the model declares it. */
export type AxisStack = Pick<StackSpec, 'label' | 'first' | 'last'>;

export interface BlockAxis {
  readonly numBlocks: number;
  readonly left: number;
  /** Right end of the last band. */
  readonly end: number;
  /** Width of one band. */
  readonly step: number;
  /** In order; at least two, or none where all blocks are one stack. */
  readonly stacks: readonly AxisStack[];
  /** First blocks of every stack but the first. */
  readonly seams: readonly number[];
  /** Width of a seam. */
  readonly gap: number;
}

interface AxisOptions {
  readonly stacks?: readonly AxisStack[] | undefined;
  readonly left?: number;
  readonly right?: number;
  readonly gap?: number;
}

/** The axis of a chart `width` wide; margins are fixed so that charts under one another line up. */
export function blockAxis(
  numBlocks: number,
  width: number,
  { stacks: all = [], left = AXIS_LEFT, right = AXIS_RIGHT, gap = SEAM_GAP }: AxisOptions = {},
): BlockAxis {
  const filled = all.filter(({ first, last }) => last >= first && first < numBlocks);
  const stacks = filled.length > 1 ? filled : [];
  const seams = stacks.slice(1).map(({ first }) => first);
  const span = Math.max(0, width - left - right);
  const bands = Math.max(0, span - gap * seams.length);
  return { numBlocks, left, end: left + span, step: numBlocks > 0 ? bands / numBlocks : 0, stacks, seams, gap };
}

const gapsBefore = ({ seams }: BlockAxis, block: number): number => seams.filter((seam) => seam <= block).length;

export const startOf = (axis: BlockAxis, block: number): number =>
  axis.left + block * axis.step + gapsBefore(axis, block) * axis.gap;
export const centreOf = (axis: BlockAxis, block: number): number => startOf(axis, block) + axis.step / 2;
export const endOf = (axis: BlockAxis, block: number): number => startOf(axis, block) + axis.step;
/** The middle of the gap before block `seam`. */
export const seamAt = (axis: BlockAxis, seam: number): number => startOf(axis, seam) - axis.gap / 2;

/** The block whose band holds `x`, or the nearest one: at the ends, and in a seam. */
export function blockAt(axis: BlockAxis, x: number): number {
  if (axis.step <= 0) return 0;
  const first = axis.seams.findLast((seam) => seamAt(axis, seam) <= x) ?? 0;
  const last = (axis.seams.find((seam) => seam > first) ?? axis.numBlocks) - 1;
  const block = first + Math.floor((x - startOf(axis, first)) / axis.step);
  return Math.min(last, Math.max(first, block));
}

/** What intervals on this axis may be. */
export const depthOf = ({ numBlocks, stacks }: BlockAxis): Depth => ({ numBlocks, stacks });

/** The blocks whose numbers fit side by side: the first of every stack and every one, second, fifth, tenth, … block. */
export function labelledBlocks(axis: BlockAxis, gap = LABEL_GAP): readonly number[] {
  const stride = [1, 2, 5, 10, 20, 50, 100].find((every) => every * axis.step >= gap) ?? 200;
  const regular = Array.from({ length: Math.ceil(axis.numBlocks / stride) }, (_, index) => index * stride);
  const fits = (block: number) =>
    axis.seams.every((seam) => Math.abs(centreOf(axis, seam) - centreOf(axis, block)) >= CROWDED);
  return [...regular.filter((block) => axis.seams.includes(block) || fits(block)), ...axis.seams]
    .filter((block, index, blocks) => blocks.indexOf(block) === index)
    .sort((a, b) => a - b);
}

/** "block 4 of the single-stream blocks": where a block is in its own stack; null where all blocks are one stack. */
export function placeInStack({ stacks }: Pick<BlockAxis, 'stacks'>, block: number): string | null {
  const stack = stacks.find(({ first, last }) => first <= block && block <= last);
  return stack ? `block ${block - stack.first} of the ${stack.label}` : null;
}

/** The same in short, for a line that says more: "single-stream 4". */
export function shortPlace({ stacks }: Pick<BlockAxis, 'stacks'>, block: number): string | null {
  const stack = stacks.find(({ first, last }) => first <= block && block <= last);
  return stack ? `${shortLabel(stack)} ${block - stack.first}` : null;
}

/** "single-stream" */
export const shortLabel = ({ label }: Pick<AxisStack, 'label'>): string => label.replace(/ blocks$/, '');

/** "dual-stream blocks 0–7": the stack's name with the numbers that its blocks have in the checkpoint. */
export const stackName = ({ label, first, last }: AxisStack): string =>
  last > first ? `${label} 0–${last - first}` : `${label} 0`;

/** Every stack's own name and, where it differs, its place on the axis; null where all blocks are one stack. */
export function stacksSentence(stacks: readonly AxisStack[]): string | null {
  if (stacks.length < 2) return null;
  const named = stacks.map((stack) => `${stackName(stack)} (here ${spanName(stack)})`);
  return `Stacks: ${named.join(', ')}; no interval crosses the seam.`;
}

const spanName = ({ first, last }: BlockInterval): string => (last > first ? `${first}–${last}` : `${first}`);
