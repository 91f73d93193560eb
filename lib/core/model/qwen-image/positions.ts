/**
 * Positions of Qwen-Image's tokens: images centred (rows and columns −⌈n/2⌉ … ⌊n/2⌋−1), one frame after the other from the image's
 * place in the list; text on the diagonal from the largest half extent on. Layered puts the last image, the condition, at frame −1.
 */

import { type RotaryTables, rotaryTables } from '../rotary.ts';
import type { ImageShape } from '../transformer.ts';
import type { QwenImageConfig } from './config.ts';

type PositionConfig = Pick<QwenImageConfig, 'ropeAxes' | 'layered'>;

export function imageRotary(images: readonly ImageShape[], { ropeAxes, layered }: PositionConfig): RotaryTables {
  const positions: [number, number, number][] = [];
  images.forEach(([frames, height, width], image) => {
    const [top, left] = [Math.floor(height / 2) - height, Math.floor(width / 2) - width];
    const first = layered && image === images.length - 1 ? -1 : image;
    for (let f = 0; f < frames; f++) {
      for (let row = 0; row < height; row++) {
        for (let column = 0; column < width; column++) positions.push([first + f, top + row, left + column]);
      }
    }
  });
  return rotaryTables(positions, ropeAxes);
}

export function textRotary(textTokens: number, images: readonly ImageShape[], config: PositionConfig): RotaryTables {
  const start = textStart(images, config);
  return rotaryTables(
    Array.from({ length: textTokens }, (_, j) => [start + j, start + j, start + j]),
    config.ropeAxes,
  );
}

/** Position of the first text token. Layered's text also lies behind its layers. */
export function textStart(images: readonly ImageShape[], { layered }: Pick<PositionConfig, 'layered'>): number {
  const extents = images.map(([, h, w]) => Math.max(Math.floor(h / 2), Math.floor(w / 2)));
  return Math.max(...extents, layered ? images.length - 1 : 0);
}
