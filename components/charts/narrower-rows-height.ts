/** Heights of the second row of the strip, for what reserves its place before it is loaded. */
export const GROUP_ROW = 44;
export const FFN_HEIGHT = 16;
export const FFN_STEP = 19;

export const narrowerRowsHeight = (hasGroups: boolean, ffnRows: number): number =>
  (hasGroups ? GROUP_ROW : 0) + ffnRows * FFN_STEP;
