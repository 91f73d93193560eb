/** [rows, width] of a state [n, width], a copy. */
export function pickRows(state: Float32Array, width: number, rows: Uint32Array): Float32Array {
  const picked = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    picked.set(state.subarray(row * width, (row + 1) * width), i * width);
  });
  return picked;
}
