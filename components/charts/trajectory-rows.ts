/** Where the rows of the two trajectory panels lie, which is known before there are values to scale. */
import { AXIS_LEFT } from './block-axis.ts';

export const TRAJECTORY_ROWS = {
  label: { top: 0, height: 16 },
  brackets: { top: 17, height: 6 },
  cka: { top: 28, height: 138 },
  difference: { top: 190, height: 116 },
  numbers: { top: 311, height: 20 },
  start: { top: 328, height: 20 },
  readout: { top: 351, line: 16 },
} as const;
/** Room for the sentence about a start, in characters of about so many pixels. */
const READOUT = { characters: 150, pixels: 6.2 };

/** Of the whole chart: a narrow one has more lines of text below. */
export function trajectoriesHeight(width: number): number {
  const { top, line } = TRAJECTORY_ROWS.readout;
  const perLine = Math.max(20, Math.floor((width - AXIS_LEFT) / READOUT.pixels) - 4);
  return top + line * Math.max(2, Math.ceil(READOUT.characters / perLine)) + 1;
}
