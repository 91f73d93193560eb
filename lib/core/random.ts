/**
 * Seeded random numbers that are the same on every host and engine: sfc32 (Chris Doty-Humphrey, PractRand) seeded
 * through splitmix32, and Box–Muller for normals. Reproducible, not cryptographic. Streams of different seeds do not
 * overlap in practice.
 */
import type { NumberRange } from './number-range.ts';

/** Seeds that people may ask for, everywhere: 32 bits. */
export const SEED_RANGE: NumberRange = { min: 0, max: 2 ** 32 - 1, whole: true };

export interface SeededRandom {
  /** [0, 1), 32 bits of resolution. */
  uniform(): number;
  /** N(0, 1). */
  normal(): number;
  /** Whole number in [0, below). */
  integer(below: number): number;
}

export function seededRandom(seed: number): SeededRandom {
  const mix = splitmix32(seed);
  // Seeds above 2³² keep their high part, so that 2³² and 0 differ.
  const high = Math.floor(Math.abs(seed) / 2 ** 32) | 0;
  let a = mix();
  let b = mix() ^ high;
  let c = mix();
  let counter = 1;
  let spare: number | null = null;

  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 12; round++) next();

  const uniform = (): number => next() / 2 ** 32;
  return {
    uniform,
    integer: (below) => Math.floor(uniform() * below),
    normal: () => {
      if (spare !== null) {
        const value = spare;
        spare = null;
        return value;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
      const angle = 2 * Math.PI * uniform();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
  };
}

function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return (z ^ (z >>> 15)) | 0;
  };
}
