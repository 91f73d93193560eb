/** What the trajectory panels show before there are trajectories; the page loads the rest with the first ones. */
import { type BlockAxis, centreOf, labelledBlocks } from './block-axis.ts';
import { drawSeams, namesHeight } from './draw-seams.ts';
import { type Mark, mark } from './marks.ts';
import type { ChartPalette } from './palette.ts';
import { TRAJECTORY_ROWS } from './trajectory-rows.ts';

/** The two panels with nothing in them yet, in their final places. */
export function drawEmptyTrajectories(axis: BlockAxis, palette: ChartPalette): Mark[] {
  const panels = [TRAJECTORY_ROWS.cka, TRAJECTORY_ROWS.difference].map(({ top, height }) =>
    mark('rect', { x: axis.left, y: top, width: axis.end - axis.left, height, rx: 3, fill: palette.panel }),
  );
  const { difference } = TRAJECTORY_ROWS;
  const seams = drawSeams(axis, 2 - namesHeight(axis), difference.top + difference.height, palette);
  return [...panels, ...drawBlockNumbers(axis, palette), ...seams];
}

export function drawBlockNumbers(axis: BlockAxis, palette: ChartPalette): Mark[] {
  const { numbers, start } = TRAJECTORY_ROWS;
  const small = { 'font-size': 11, fill: palette.muted };
  const margin = { x: axis.left - 8, 'text-anchor': 'end', ...small };
  return [
    mark('text', { ...margin, y: numbers.top + 13 }, 'block k'),
    mark('text', { ...margin, y: start.top + 11 }, 'start u'),
    ...labelledBlocks(axis).map((block) => {
      const at = { x: centreOf(axis, block), y: numbers.top + 13, 'text-anchor': 'middle' };
      return mark('text', { ...at, ...small }, String(block));
    }),
  ];
}
