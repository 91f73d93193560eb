/**
 * Draws a scene: 32 × 32 × 3 values in [-1, 1], rows first, channels last. Each object is an anti-aliased mask over its
 * quadrant (4 × 4 samples per pixel, counted exactly), blended between background and colour. Also the packing of a
 * picture into the model's image tokens and back.
 */
import { type Scene, splitKind } from './scene.ts';
import {
  BACKGROUND_VALUES,
  CELL_SIZE,
  COLOUR_VALUES,
  PATCH_SIZE,
  PICTURE_SIZE,
  RADII,
  SHAPES,
  SIZES,
} from './vocabulary.ts';

export const PIXELS = PICTURE_SIZE * PICTURE_SIZE;
export const CELL_PIXELS = CELL_SIZE * CELL_SIZE;
const CHANNELS = 3;
const SUPERSAMPLES = 4;
/** Jitters per mask: dx and dy in -1..1. */
export const JITTERS = 9;

type Inside = (u: number, v: number) => boolean;
/** In units of the radius, from the object's centre; v points down. Order of SHAPES. */
const INSIDE: readonly Inside[] = [
  (u, v) => u * u + v * v <= 1,
  (u, v) => Math.abs(u) <= 0.85 && Math.abs(v) <= 0.85,
  (u, v) => v >= -1 && v <= 0.85 && Math.abs(u) * 1.85 <= v + 1,
  (u, v) => (Math.abs(u) <= 0.32 || Math.abs(v) <= 0.32) && Math.abs(u) <= 1 && Math.abs(v) <= 1,
  (u, v) => u * u + v * v <= 1 && u * u + v * v >= 0.3,
];

function coverage(shape: number, size: number, dx: number, dy: number): Float64Array {
  const inside = INSIDE[shape]!;
  const radius = RADII[size]!;
  const mask = new Float64Array(CELL_PIXELS);
  const samples = CELL_SIZE * SUPERSAMPLES;
  const coordinate = (index: number, shift: number): number =>
    ((index + 0.5) / SUPERSAMPLES - CELL_SIZE / 2 - shift) / radius;
  for (let row = 0; row < samples; row++) {
    const v = coordinate(row, dy);
    for (let col = 0; col < samples; col++) {
      if (!inside(coordinate(col, dx), v)) continue;
      mask[Math.floor(row / SUPERSAMPLES) * CELL_SIZE + Math.floor(col / SUPERSAMPLES)]! += 1;
    }
  }
  return mask.map((hits) => hits / SUPERSAMPLES ** 2);
}

let masks: readonly Float64Array[] | null = null;

/** All masks, [shape, size, dy + 1, dx + 1] flattened; each [16 × 16]. Made on first use: half a million point tests. */
export function allMasks(): readonly Float64Array[] {
  masks ??= SHAPES.flatMap((_, shape) =>
    SIZES.flatMap((_, size) => [-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => coverage(shape, size, dx, dy)))),
  );
  return masks;
}

export function maskIndex(shape: number, size: number, dx: number, dy: number): number {
  return (shape * SIZES.length + size) * JITTERS + (dy + 1) * 3 + dx + 1;
}

/** [32, 32, 3] in [-1, 1]. */
export function renderScene(scene: Scene): Float32Array {
  const background = BACKGROUND_VALUES[scene.background]!;
  const pixels = new Float32Array(PIXELS * CHANNELS);
  for (let i = 0; i < pixels.length; i++) pixels[i] = background[i % CHANNELS]!;
  scene.quadrants.forEach((digit, q) => {
    if (digit === 0) return;
    const { size, colour, shape } = splitKind(digit - 1);
    const [dx, dy] = scene.jitter[q]!;
    const mask = allMasks()[maskIndex(shape, size, dx, dy)]!;
    const value = COLOUR_VALUES[colour]!;
    for (let p = 0; p < CELL_PIXELS; p++) {
      const start = cellPixel(q, p) * CHANNELS;
      for (let c = 0; c < CHANNELS; c++) {
        pixels[start + c] = background[c]! + mask[p]! * (value[c]! - background[c]!);
      }
    }
  });
  return pixels;
}

/** Index in the picture of pixel p of quadrant q, both row by row. */
export function cellPixel(q: number, p: number): number {
  const row = Math.floor(q / 2) * CELL_SIZE + Math.floor(p / CELL_SIZE);
  const col = (q % 2) * CELL_SIZE + (p % CELL_SIZE);
  return row * PICTURE_SIZE + col;
}

/** [32, 32, 3] → image tokens [64, 48], feature = (channel, row, column) of a patch, as diffusers packs latents. */
export function packPicture(pixels: Float32Array): Float32Array {
  return permute(pixels, (pixel, token) => [token, pixel]);
}

/** Image tokens [64, 48] → [32, 32, 3]. */
export function unpackPicture(tokens: Float32Array): Float32Array {
  return permute(tokens, (pixel, token) => [pixel, token]);
}

function permute(values: Float32Array, targetAndSource: (pixel: number, token: number) => [number, number]) {
  const out = new Float32Array(values.length);
  const grid = PICTURE_SIZE / PATCH_SIZE;
  const features = CHANNELS * PATCH_SIZE ** 2;
  for (let row = 0; row < PICTURE_SIZE; row++) {
    for (let col = 0; col < PICTURE_SIZE; col++) {
      const patch = Math.floor(row / PATCH_SIZE) * grid + Math.floor(col / PATCH_SIZE);
      const within = (row % PATCH_SIZE) * PATCH_SIZE + (col % PATCH_SIZE);
      for (let c = 0; c < CHANNELS; c++) {
        const pixelAt = (row * PICTURE_SIZE + col) * CHANNELS + c;
        const tokenAt = patch * features + c * PATCH_SIZE ** 2 + within;
        const [target, source] = targetAndSource(pixelAt, tokenAt);
        out[target] = values[source]!;
      }
    }
  }
  return out;
}

/** [32, 32, 3] in [-1, 1] (clamped) → RGBA bytes, opaque. */
export function pictureRgba(pixels: Float32Array): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray((pixels.length / CHANNELS) * 4);
  for (let i = 0; i < pixels.length / CHANNELS; i++) {
    for (let c = 0; c < CHANNELS; c++) rgba[i * 4 + c] = (pixels[i * CHANNELS + c]! + 1) * 127.5;
    rgba[i * 4 + 3] = 255;
  }
  return rgba;
}
