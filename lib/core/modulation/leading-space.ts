/**
 * The few directions of the conditioning that a curve of timesteps runs in: an orthonormal basis of what is left of its points without
 * their mean. Narrow models get all of the width; of wide ones subspace iteration finds the leading directions, without a product
 * of width by width.
 */
import { seededRandom } from '../random.ts';

/** Conditionings and how often the scheduler visits each. */
export interface WeightedRows {
  /** [count, width] */
  readonly rows: Float32Array;
  readonly width: number;
  /** [count] */
  readonly weights: Float64Array;
}

export interface LeadingSpace {
  /** [size, width], orthonormal rows. */
  readonly directions: Float64Array;
  readonly size: number;
  /** Share of the squared distance from the mean that lies outside of it. */
  readonly lost: number;
}

/** Of wider models as many directions are looked at. */
const MOST_DIRECTIONS = 128;
const ITERATIONS = 4;
const SEED = 1;

export function weightedMean({ rows, width, weights }: WeightedRows): Float64Array {
  const mean = new Float64Array(width);
  const total = weights.reduce((sum, w) => sum + w, 0);
  for (let t = 0; t < weights.length; t++) {
    const w = weights[t]! / total;
    for (let k = 0; k < width; k++) mean[k] = mean[k]! + w * rows[t * width + k]!;
  }
  return mean;
}

/** Differences from `mean`, times the root of each weight: [count, width]. */
export function centred({ rows, width, weights }: WeightedRows, mean: Float64Array): Float64Array {
  return Float64Array.from(rows, (x, i) => {
    const t = Math.floor(i / width);
    return Math.sqrt(weights[t]!) * (x - mean[i % width]!);
  });
}

/** `points` [count, width] of `centred`. */
export function leadingSpace(points: Float64Array, width: number, most = MOST_DIRECTIONS): LeadingSpace {
  const size = Math.min(width, most);
  const directions = new Float64Array(size * width);
  if (size === width) {
    for (let k = 0; k < width; k++) directions[k * width + k] = 1;
    return { directions, size, lost: 0 };
  }
  const random = seededRandom(SEED);
  for (let i = 0; i < directions.length; i++) directions[i] = random.normal();
  fillUp(directions, size, width);
  for (let i = 0; i < ITERATIONS; i++) {
    const along = products(points, directions, width, size);
    directions.fill(0);
    addTransposed(directions, along, points, width, size);
    fillUp(directions, size, width);
  }
  const whole = points.reduce((sum, x) => sum + x * x, 0);
  const kept = products(points, directions, width, size).reduce((sum, x) => sum + x * x, 0);
  return { directions, size, lost: whole > 0 ? Math.max(0, 1 - kept / whole) : 0 };
}

/** points·directionsᵀ: [count, size] */
export function products(points: Float64Array, directions: Float64Array, width: number, size: number): Float64Array {
  const count = points.length / width;
  const found = new Float64Array(count * size);
  for (let t = 0; t < count; t++) {
    for (let r = 0; r < size; r++) {
      let sum = 0;
      for (let k = 0; k < width; k++) sum += points[t * width + k]! * directions[r * width + k]!;
      found[t * size + r] = sum;
    }
  }
  return found;
}

/** directions += alongᵀ·points */
function addTransposed(
  directions: Float64Array,
  along: Float64Array,
  points: Float64Array,
  width: number,
  size: number,
): void {
  const count = points.length / width;
  for (let t = 0; t < count; t++) {
    for (let r = 0; r < size; r++) {
      const factor = along[t * size + r]!;
      for (let k = 0; k < width; k++) {
        directions[r * width + k] = directions[r * width + k]! + factor * points[t * width + k]!;
      }
    }
  }
}

/**
 * Gram–Schmidt from the top, twice for the digits that the first time loses: rows become orthonormal and span the same. A row that the
 * rows before it leave nothing of is replaced by a random one.
 */
export function fillUp(rows: Float64Array, size: number, width: number): void {
  const random = seededRandom(SEED);
  for (let r = 0; r < size; r++) {
    const row = rows.subarray(r * width, (r + 1) * width);
    normalise(row);
    for (let tries = 0; ; tries++) {
      for (let pass = 0; pass < 2; pass++) {
        for (let j = 0; j < r; j++) {
          let along = 0;
          for (let k = 0; k < width; k++) along += row[k]! * rows[j * width + k]!;
          for (let k = 0; k < width; k++) row[k] = row[k]! - along * rows[j * width + k]!;
        }
      }
      if (normalise(row) > NOTHING_LEFT) break;
      if (tries > 8) throw new RangeError('More orthonormal rows than columns were asked for');
      for (let k = 0; k < width; k++) row[k] = random.normal();
      normalise(row);
    }
  }
}

/** Of a row of length 1: what is shorter is rounding. */
const NOTHING_LEFT = 1e-11;

/** Returns the length that the row had; a row of zeros stays. */
function normalise(row: Float64Array): number {
  let squares = 0;
  for (const x of row) squares += x * x;
  const norm = Math.sqrt(squares);
  if (norm > 0) for (let k = 0; k < row.length; k++) row[k] = row[k]! / norm;
  return norm;
}
