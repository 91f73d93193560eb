/**
 * Hatching: what is not there or can not be. As one path of diagonal lines clipped to a box, so that figures need no
 * pattern and neighbouring boxes match.
 */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export function hatchPath({ x, y, width, height }: Box, spacing = 5): string {
  let path = '';
  if (width <= 0 || height <= 0) return path;
  const round = (value: number) => Math.round(value * 100) / 100;
  // The lines are x + y = sum, for every multiple of the spacing.
  for (let sum = Math.ceil((x + y) / spacing) * spacing; sum < x + y + width + height; sum += spacing) {
    const low = Math.max(x, sum - y - height);
    const high = Math.min(x + width, sum - y);
    if (high > low) path += `M${round(low)} ${round(sum - low)}L${round(high)} ${round(sum - high)}`;
  }
  return path;
}
