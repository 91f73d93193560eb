/**
 * Sinusoidal positions of SD3's patches: a square table over rows and columns, of which the middle is cut out for a picture. The
 * first half of the features are of the column, the second of the row; in each, sines, then cosines. diffusers stores the
 * table with the weights; where a file leaves it out it is computed, as diffusers computes it: coordinates in float32, angles in float64.
 */
import type { SD3Config } from './config.ts';

const MAX_PERIOD = 10_000;

type TableConfig = Pick<SD3Config, 'width' | 'maxPatches' | 'basePatches'>;

/** Elements `start` to `end` of the table [maxPatches², D], in C order. */
export function positionTable(config: TableConfig): (start: number, end: number) => Float32Array<ArrayBuffer> {
  const { width, maxPatches } = config;
  return (start, end) => {
    const values = new Float32Array(end - start);
    const lines = Array.from({ length: maxPatches }, () => null as Float32Array | null);
    const lineAt = (place: number) => (lines[place] ??= positionLine(config, place));
    for (let i = start; i < end; i++) {
      const [token, feature] = [Math.floor(i / width), i % width];
      const half = width / 2;
      const place = feature < half ? token % maxPatches : Math.floor(token / maxPatches);
      values[i - start] = lineAt(place)[feature % half]!;
    }
    return values;
  };
}

/** D/2 features of one row or column. */
function positionLine({ width, maxPatches, basePatches }: TableConfig, place: number): Float32Array {
  const frequencies = width / 4;
  const coordinate = Math.fround(place / Math.fround(maxPatches / basePatches));
  const line = new Float32Array(2 * frequencies);
  for (let k = 0; k < frequencies; k++) {
    const angle = coordinate / MAX_PERIOD ** (k / frequencies);
    line[k] = Math.sin(angle);
    line[frequencies + k] = Math.cos(angle);
  }
  return line;
}

/** Rows of the table that a picture of `height` × `width` patches reads: element ranges, one per row of the picture. */
export function middleOf(
  { width: D, maxPatches }: TableConfig,
  height: number,
  width: number,
): { readonly start: number; readonly end: number }[] {
  const [top, left] = [Math.floor((maxPatches - height) / 2), Math.floor((maxPatches - width) / 2)];
  return Array.from({ length: height }, (_, row) => {
    const start = ((top + row) * maxPatches + left) * D;
    return { start, end: start + width * D };
  });
}
