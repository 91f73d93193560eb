/** Least squares of logarithms by Levenberg and Marquardt, with differences for derivatives: models of a few weights. Pure. */

/** Weights that make log `of(one, weights)` closest to log `one.error`, from `start` on; a ridge keeps those near it that nothing determines. */
export function fittedTo<T extends { readonly error: number }>(
  data: readonly T[],
  start: readonly number[],
  of: (one: T, weights: readonly number[]) => number,
  ridge = 0.1,
): number[] {
  const rest = (weights: readonly number[]) => [
    ...data.map((one) => Math.log(Math.max(of(one, weights), TINY)) - Math.log(one.error)),
    ...weights.map((weight, i) => ridge * (weight - start[i]!)),
  ];
  let weights = [...start];
  let residuals = rest(weights);
  let damping = 1e-2;
  for (let step = 0; step < STEPS && damping < 1e8; step++) {
    const columns = weights.map((_, i) => {
      const moved = rest(weights.map((weight, j) => (i === j ? weight + DELTA : weight)));
      return moved.map((one, row) => (one - residuals[row]!) / DELTA);
    });
    const next = weights.map((weight, i) => weight - solved(columns, residuals, damping)[i]!);
    const found = rest(next);
    if (squared(found) < squared(residuals)) {
      [weights, residuals, damping] = [next, found, damping / 3];
    } else damping *= 4;
  }
  return weights;
}

const TINY = 1e-12;
const STEPS = 60;
const DELTA = 1e-5;

const squared = (values: readonly number[]) => dot(values, values);

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, one, i) => sum + one * b[i]!, 0);
}

/** (JᵀJ + damping · diag) x = Jᵀr, by Gauss and Jordan: positive definite. */
function solved(columns: readonly (readonly number[])[], residuals: readonly number[], damping: number): number[] {
  const size = columns.length;
  const system = columns.map((column, i) => [
    ...columns.map((other, j) => dot(column, other) * (i === j ? 1 + damping : 1) + (i === j ? TINY : 0)),
    dot(column, residuals),
  ]);
  for (let k = 0; k < size; k++) {
    for (let i = 0; i < size; i++) {
      if (i === k) continue;
      const factor = system[i]![k]! / system[k]![k]!;
      system[i] = system[i]!.map((value, j) => value - factor * system[k]![j]!);
    }
  }
  return system.map((row, i) => row[size]! / row[i]!);
}
