/**
 * Direction error of one state against another, the loss that students are distilled with (PPCL, stage 1.3):
 * mean over tokens of Σ ( a/‖a‖ − b/‖b‖ )², which is 2 − 2 cos. Of block u alone against the state after v it says how far a
 * student that starts as a copy of block u has to go.
 */

/** `a` and `b` are [n, width]; the mean runs over `rows`. A zero vector has no direction and counts as 0. */
export function directionError(a: Float32Array, b: Float32Array, width: number, rows: Uint32Array): number {
  let sum = 0;
  for (const row of rows) {
    let [ab, aa, bb] = [0, 0, 0];
    for (let at = row * width; at < (row + 1) * width; at++) {
      ab += a[at]! * b[at]!;
      aa += a[at]! * a[at]!;
      bb += b[at]! * b[at]!;
    }
    const norms = Math.sqrt(aa) * Math.sqrt(bb);
    if (norms > 0) sum += Math.max(0, 2 - (2 * ab) / norms);
    else sum += aa > 0 || bb > 0 ? 1 : 0;
  }
  return rows.length === 0 ? 0 : sum / rows.length;
}
