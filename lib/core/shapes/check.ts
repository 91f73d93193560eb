/**
 * Reads a picture back, by synthesis: the scene whose rendering is nearest in squared error, over every background, kind
 * and jitter, and with it a verdict on each fact of a caption. A template is affine in its mask (background + mask ·
 * difference), so all 2,164 distances per quadrant follow from 90 mask products; same result as training/shapes.py.
 */
import { allMasks, CELL_PIXELS, cellPixel, JITTERS, maskIndex } from './render.ts';
import { KINDS, type Scene, splitKind } from './scene.ts';
import { BACKGROUND_VALUES, BACKGROUNDS, COLOUR_VALUES, COLOURS, POSITIONS, SHAPES, SIZES } from './vocabulary.ts';

/** A quadrant further than this (RMS per value) from every template shows nothing readable. */
const READABLE_RMS = 0.35;
const CHANNELS = 3;

export interface PictureReading {
  readonly background: number;
  /** Nearest digit per quadrant: 0 or 1 + kind. */
  readonly quadrants: readonly number[];
  /** RMS distance of each quadrant from its nearest template. */
  readonly rms: readonly number[];
}

export interface FactVerdict {
  /** `background`, `count`, `top-left position`, `top-left size`, … */
  readonly name: string;
  readonly expected: string;
  readonly seen: string;
  readonly holds: boolean;
}

interface MaskSums {
  readonly sum: number;
  readonly squares: number;
}
/** A quadrant's products with every mask, and its own sums, per channel. */
interface CellSums {
  readonly sum: readonly number[];
  readonly squares: number;
  /** [masks × 3] */
  readonly products: Float64Array;
}
interface Nearest {
  readonly digit: number;
  readonly cost: number;
}

/** `pixels`: [32, 32, 3] in [-1, 1]; values beyond are clamped. */
export function readPicture(pixels: Float32Array): PictureReading {
  const cells = POSITIONS.map((_, q) => cellSums(pixels, q));
  const readings = BACKGROUNDS.map((_, background) => {
    const nearest = cells.map((cell) => nearestTemplate(cell, background));
    return { background, nearest, cost: nearest.reduce((total, { cost }) => total + cost, 0) };
  });
  const best = readings.reduce((a, b) => (b.cost < a.cost ? b : a));
  return {
    background: best.background,
    quadrants: best.nearest.map(({ digit }) => digit),
    rms: best.nearest.map(({ cost }) => Math.sqrt(Math.max(cost, 0) / (CELL_PIXELS * CHANNELS))),
  };
}

/** Background, count, then position, size, colour and shape of each object that the scene states. Jitter is not a fact. */
export function checkPicture(pixels: Float32Array, scene: Scene): FactVerdict[] {
  const reading = readPicture(pixels);
  const facts = [
    verdict('background', BACKGROUNDS[scene.background]!, BACKGROUNDS[reading.background]!),
    verdict('count', String(countOf(scene.quadrants)), String(countOf(reading.quadrants))),
  ];
  scene.quadrants.forEach((digit, q) => {
    if (digit === 0) return;
    const position = POSITIONS[q]!;
    const readable = reading.rms[q]! <= READABLE_RMS;
    const seenDigit = readable ? reading.quadrants[q]! : 0;
    const wanted = splitKind(digit - 1);
    const seen = seenDigit === 0 ? null : splitKind(seenDigit - 1);
    const nothing = readable ? 'nothing' : 'unreadable';
    facts.push(
      verdict(`${position} position`, position, seen ? position : nothing),
      verdict(`${position} size`, SIZES[wanted.size]!, seen ? SIZES[seen.size]! : nothing),
      verdict(`${position} colour`, COLOURS[wanted.colour]!, seen ? COLOURS[seen.colour]! : nothing),
      verdict(`${position} shape`, SHAPES[wanted.shape]!, seen ? SHAPES[seen.shape]! : nothing),
    );
  });
  return facts;
}

function verdict(name: string, expected: string, seen: string): FactVerdict {
  return { name, expected, seen, holds: expected === seen };
}

function countOf(quadrants: readonly number[]): number {
  return quadrants.filter((digit) => digit !== 0).length;
}

function cellSums(pixels: Float32Array, q: number): CellSums {
  const planes = [0, 1, 2].map(() => new Float64Array(CELL_PIXELS));
  for (let p = 0; p < CELL_PIXELS; p++) {
    const start = cellPixel(q, p) * CHANNELS;
    planes.forEach((plane, c) => {
      plane[p] = Math.min(1, Math.max(-1, pixels[start + c]!));
    });
  }
  const masks = allMasks();
  const products = new Float64Array(masks.length * CHANNELS);
  masks.forEach((mask, m) => {
    planes.forEach((plane, c) => {
      products[m * CHANNELS + c] = dot(mask, plane);
    });
  });
  return {
    sum: planes.map((plane) => plane.reduce((a, b) => a + b, 0)),
    squares: planes.reduce((total, plane) => total + dot(plane, plane), 0),
    products,
  };
}

/** The empty quadrant first, then kinds and jitters in order; the first of equals wins. */
function nearestTemplate(cell: CellSums, background: number): Nearest {
  const ground = BACKGROUND_VALUES[background]!;
  let empty = cell.squares;
  for (let c = 0; c < CHANNELS; c++) empty += ground[c]! * (CELL_PIXELS * ground[c]! - 2 * cell.sum[c]!);
  let best: Nearest = { digit: 0, cost: empty };
  const sums = maskSums();
  for (let kind = 0; kind < KINDS; kind++) {
    const { size, colour, shape } = splitKind(kind);
    const value = COLOUR_VALUES[colour]!;
    const difference = ground.map((g, c) => value[c]! - g);
    const length = difference.reduce((total, d) => total + d * d, 0);
    const first = maskIndex(shape, size, -1, -1);
    for (let m = first; m < first + JITTERS; m++) {
      const { sum, squares } = sums[m]!;
      let cost = empty + squares * length;
      for (let c = 0; c < CHANNELS; c++) {
        cost -= 2 * difference[c]! * (cell.products[m * CHANNELS + c]! - ground[c]! * sum);
      }
      if (cost < best.cost) best = { digit: 1 + kind, cost };
    }
  }
  return best;
}

let sumsOfMasks: readonly MaskSums[] | null = null;

function maskSums(): readonly MaskSums[] {
  sumsOfMasks ??= allMasks().map((mask) => ({ sum: mask.reduce((a, b) => a + b, 0), squares: dot(mask, mask) }));
  return sumsOfMasks;
}

function dot(a: Float64Array, b: Float64Array): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
}
