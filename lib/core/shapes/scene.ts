/**
 * A scene of the grammar: a background and up to three objects, at most one per quadrant. Every scene has a number;
 * one number in twenty is held out of training by a hash, so that "unseen" means the same here and in training/shapes.py.
 */
import { BACKGROUNDS, COLOURS, MAX_OBJECTS, SHAPES, SIZES } from './vocabulary.ts';

/** Kinds of object: size × colour × shape. A quadrant's digit is 0 (empty) or 1 + kind. */
export const KINDS = SIZES.length * COLOURS.length * SHAPES.length;
const HELD_OUT_EVERY = 20;
const HASH_MULTIPLIER = 2654435761;

export interface Scene {
  readonly background: number;
  /** Digit of each of the four quadrants: 0 or 1 + kind. */
  readonly quadrants: readonly number[];
  /** Offset (dx, dy) of each quadrant's object from the quadrant's centre, whole pixels in -1..1. */
  readonly jitter: readonly (readonly [number, number])[];
}

export interface Kind {
  readonly size: number;
  readonly colour: number;
  readonly shape: number;
}

/** The part of lib/core/random.ts that scenes need. */
export interface IntegerSource {
  /** Uniform in 0..below-1. */
  integer(below: number): number;
}

export function kindOf({ size, colour, shape }: Kind): number {
  return (size * COLOURS.length + colour) * SHAPES.length + shape;
}

export function splitKind(kind: number): Kind {
  return {
    size: Math.floor(kind / (COLOURS.length * SHAPES.length)),
    colour: Math.floor(kind / SHAPES.length) % COLOURS.length,
    shape: kind % SHAPES.length,
  };
}

/** The scene's number, jitter aside: below 4 · 61⁴, so exact. */
export function sceneId(scene: Scene): number {
  const digits = scene.quadrants.reduceRight((value, digit) => value * (KINDS + 1) + digit, 0);
  return digits * BACKGROUNDS.length + scene.background;
}

/** Whether training never saw the scene: bits 8 and up of a 32-bit multiplicative hash of its number. */
export function isHeldOut(id: number): boolean {
  const hash = Math.imul(id, HASH_MULTIPLIER) >>> 0;
  return (hash >>> 8) % HELD_OUT_EVERY === 0;
}

/** One to three objects in distinct quadrants, held out of training or not, as asked. */
export function randomScene(random: IntegerSource, heldOut: boolean): Scene {
  for (;;) {
    const quadrants = [0, 0, 0, 0];
    const objects = 1 + random.integer(MAX_OBJECTS);
    for (const q of shuffledQuadrants(random).slice(0, objects)) quadrants[q] = 1 + random.integer(KINDS);
    const jitter = quadrants.map((): [number, number] => [random.integer(3) - 1, random.integer(3) - 1]);
    const scene: Scene = { background: random.integer(BACKGROUNDS.length), quadrants, jitter };
    if (isHeldOut(sceneId(scene)) === heldOut) return scene;
  }
}

/** The four quadrants in a random order (Fisher–Yates). */
export function shuffledQuadrants(random: IntegerSource): number[] {
  const order = [0, 1, 2, 3];
  for (let last = order.length - 1; last > 0; last--) {
    const other = random.integer(last + 1);
    const moved = order[last]!;
    order[last] = order[other]!;
    order[other] = moved;
  }
  return order;
}
