/**
 * The one block axis of the page: strip, probe bars and trajectories of the same width put block k at exactly the same
 * x. A block is a band `step` wide; curves pass through band centres. Pure numbers, CSS pixels.
 */
export const AXIS_LEFT = 48;
export const AXIS_RIGHT = 26;
/** Closest distance of two block numbers. */
const LABEL_GAP = 26;

export interface BlockAxis {
  readonly numBlocks: number;
  readonly left: number;
  /** Right end of the last band. */
  readonly end: number;
  /** Width of one band. */
  readonly step: number;
}

/** The axis of a chart `width` wide; margins are fixed so that charts under one another line up. */
export function blockAxis(numBlocks: number, width: number, left = AXIS_LEFT, right = AXIS_RIGHT): BlockAxis {
  const span = Math.max(0, width - left - right);
  return { numBlocks, left, end: left + span, step: numBlocks > 0 ? span / numBlocks : 0 };
}

export const startOf = (axis: BlockAxis, block: number): number => axis.left + block * axis.step;
export const centreOf = (axis: BlockAxis, block: number): number => axis.left + (block + 0.5) * axis.step;
export const endOf = (axis: BlockAxis, block: number): number => axis.left + (block + 1) * axis.step;

/** The block whose band holds `x`, the first or last one beyond the ends. */
export function blockAt(axis: BlockAxis, x: number): number {
  if (axis.step <= 0) return 0;
  return Math.min(axis.numBlocks - 1, Math.max(0, Math.floor((x - axis.left) / axis.step)));
}

/** The blocks whose numbers fit side by side: every one, every second, every fifth, tenth, … */
export function labelledBlocks(axis: BlockAxis, gap = LABEL_GAP): readonly number[] {
  const stride = [1, 2, 5, 10, 20, 50, 100].find((every) => every * axis.step >= gap) ?? 200;
  return Array.from({ length: Math.ceil(axis.numBlocks / stride) }, (_, index) => index * stride);
}
