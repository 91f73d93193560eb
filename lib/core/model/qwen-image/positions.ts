/**
 * Positions of Qwen-Image's tokens: images centred (rows and columns −⌈n/2⌉ … ⌊n/2⌋−1), one frame per image; text on the
 * diagonal from the largest half extent on.
 */
import { type RotaryTables, rotaryTables } from '../rotary.ts';

export function imageRotary(
  imageShapes: readonly (readonly [number, number, number])[],
  axes: readonly number[],
): RotaryTables {
  const positions: [number, number, number][] = [];
  imageShapes.forEach(([frames, height, width], image) => {
    const [top, left] = [Math.floor(height / 2) - height, Math.floor(width / 2) - width];
    for (let f = 0; f < frames; f++) {
      for (let row = 0; row < height; row++) {
        for (let column = 0; column < width; column++) positions.push([image + f, top + row, left + column]);
      }
    }
  });
  return rotaryTables(positions, axes);
}

export function textRotary(
  textTokens: number,
  imageShapes: readonly (readonly [number, number, number])[],
  axes: readonly number[],
): RotaryTables {
  const start = Math.max(...imageShapes.map(([, h, w]) => Math.max(Math.floor(h / 2), Math.floor(w / 2))));
  return rotaryTables(
    Array.from({ length: textTokens }, (_, j) => [start + j, start + j, start + j]),
    axes,
  );
}
