/** Height of the rows of four noise levels, px: the place that is kept for them until the chart is loaded. */
export const NOISE_ROWS_HEIGHT = 150;
