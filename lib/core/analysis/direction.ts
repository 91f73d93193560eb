/**
 * Direction error of one state against another, the loss that students are distilled with (PPCL, stage 1.3):
 * mean over tokens of Σ ( a/‖a‖ − b/‖b‖ )², which is 2 − 2 cos. Of block u alone against the state after v it says how far a
 * student that starts as a copy of block u has to go.
 */
import { pickRows } from './pick-rows.ts';

/** Rows of a state [n, width], with their norms [n]: each is compared with many others. */
export interface DirectedRows {
  readonly values: Float32Array;
  readonly norms: Float64Array;
}

/** The named rows of a state [·, width]. */
export function directedRows(state: Float32Array, width: number, rows: Uint32Array): DirectedRows {
  const values = pickRows(state, width, rows);
  const norms = new Float64Array(rows.length);
  for (let row = 0; row < norms.length; row++) norms[row] = Math.sqrt(dot(values, values, row * width, width));
  return { values, norms };
}

/** The mean over the rows of both. A zero vector has no direction and counts as 1 against any other, 0 against another zero. */
export function directionError(a: DirectedRows, b: DirectedRows, width: number): number {
  const count = a.norms.length;
  let sum = 0;
  for (let row = 0; row < count; row++) {
    const [normA, normB] = [a.norms[row]!, b.norms[row]!];
    const norms = normA * normB;
    if (norms > 0) sum += Math.max(0, 2 - (2 * dot(a.values, b.values, row * width, width)) / norms);
    else sum += normA > 0 || normB > 0 ? 1 : 0;
  }
  return count === 0 ? 0 : sum / count;
}

/** Of `length` values from `at` on, in float64. Four sums, as each addition waits for the one before it. */
function dot(a: Float32Array, b: Float32Array, at: number, length: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  const end = at + length;
  const unrolled = at + (length & ~3);
  let i = at;
  for (; i < unrolled; i += 4) {
    s0 += a[i]! * b[i]!;
    s1 += a[i + 1]! * b[i + 1]!;
    s2 += a[i + 2]! * b[i + 2]!;
    s3 += a[i + 3]! * b[i + 3]!;
  }
  for (; i < end; i++) s0 += a[i]! * b[i]!;
  return s0 + s1 + (s2 + s3);
}
