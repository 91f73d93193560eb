import { describe, expect, it } from 'vitest';
import { seededRandom } from '../random.ts';
import golden from './goldens/probe.json';
import type { BlockRows } from './normal-equations.ts';
import { Pace } from './pace.ts';
import { asAffineMap, DEFAULT_RIDGE, fitProbe, probeWeight } from './probe.ts';
import { weightedProbeQuality } from './probe-bounds.ts';
import { measureProbe, sumProbeErrors } from './probe-quality.ts';
import { weightingsOf } from './weightings.ts';

const REGENERATE = 'python lib/core/analysis/goldens/generate.py';

function allRows(input: Float32Array, output: Float32Array, width: number): BlockRows {
  return { input, output, width, rows: Uint32Array.from(Array(input.length / width).keys()) };
}

/** ‖a − b‖ / ‖b‖ */
function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let [difference, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    size += b[i]! ** 2;
  }
  return Math.sqrt(difference / size);
}

/** Inputs of uneven, correlated features with massive columns, and an update that is linear in them plus noise. */
function massiveStates(n: number, d: number, noise: number, seed = 3): BlockRows {
  const random = seededRandom(seed);
  const input = new Float32Array(n * d);
  const output = new Float32Array(n * d);
  const factor = (j: number) => (j === 5 ? 1e4 : j === 17 ? 1e3 : 10 ** ((-2 * j) / d));
  const weight = Float64Array.from({ length: d * d }, () => 0.1 * random.normal());
  for (let row = 0; row < n; row++) {
    const x = Array.from({ length: d }, () => random.normal());
    for (let j = 0; j < d; j++) input[row * d + j] = factor(j) * (x[j]! + 0.9 * x[(j + 1) % d]! + (j === 5 ? 3 : 0.2));
    for (let j = 0; j < d; j++) {
      let update = 0.3;
      for (let i = 0; i < d; i++) update += (input[row * d + i]! / factor(i)) * weight[i * d + j]!;
      output[row * d + j] = input[row * d + j]! + update + noise * random.normal();
    }
  }
  return allRows(input, output, d);
}

/** Independent reference: Householder QR of [X, 1] with column scaling, float64. Rows of the result: d weights, then the bias. */
function leastSquaresByQr({ input, output, width: d, rows }: BlockRows): { weight: number[]; bias: number[] } {
  const n = rows.length;
  const columns = d + 1;
  const a = Array.from({ length: columns }, (_, j) =>
    Float64Array.from({ length: n }, (_, r) => (j === d ? 1 : input[rows[r]! * d + j]!)),
  );
  const sizes = a.map((column) => Math.hypot(...column));
  for (let j = 0; j < columns; j++) for (let r = 0; r < n; r++) a[j]![r] = a[j]![r]! / sizes[j]!;
  const b = Array.from({ length: d }, (_, j) =>
    Float64Array.from({ length: n }, (_, r) => output[rows[r]! * d + j]! - input[rows[r]! * d + j]!),
  );
  const diagonal: number[] = [];
  for (let j = 0; j < columns; j++) {
    const v = a[j]!.slice(j);
    const alpha = v[0]! > 0 ? -Math.hypot(...v) : Math.hypot(...v);
    v[0] = v[0]! - alpha;
    const square = v.reduce((sum, value) => sum + value * value, 0);
    const reflect = (column: Float64Array) => {
      let projection = 0;
      for (let r = 0; r < v.length; r++) projection += v[r]! * column[j + r]!;
      for (let r = 0; r < v.length; r++) column[j + r] = column[j + r]! - ((2 * projection) / square) * v[r]!;
    };
    for (let k = j + 1; k < columns; k++) reflect(a[k]!);
    for (const column of b) reflect(column);
    diagonal.push(alpha);
  }
  const weight = Array<number>(d * d).fill(0);
  const bias: number[] = [];
  b.forEach((column, output) => {
    const solution = Array<number>(columns).fill(0);
    for (let j = columns - 1; j >= 0; j--) {
      let rest = column[j]!;
      for (let k = j + 1; k < columns; k++) rest -= a[k]![j]! * solution[k]!;
      solution[j] = rest / diagonal[j]!;
    }
    for (let j = 0; j < d; j++) weight[j * d + output] = solution[j]! / sizes[j]!;
    bias.push(solution[d]! / sizes[d]!);
  });
  return { weight, bias };
}

/**
 * Independent reference for few rows, float64: ridge on centred inputs of unit columns from their singular values, which one-sided
 * Jacobi rotations find without squaring them. Weights [d, d].
 */
function ridgeBySingularValues({ input, output, width: d, rows }: BlockRows, ridge: number): Float64Array {
  const rowsOf = (value: (at: number) => number) =>
    Array.from(rows, (row) => Float64Array.from({ length: d }, (_, j) => value(row * d + j)));
  const [z, u] = [rowsOf((at) => input[at]!), rowsOf((at) => output[at]! - input[at]!)];
  const scale = new Float64Array(d);
  for (let j = 0; j < d; j++) {
    for (const side of [z, u]) {
      const mean = side.reduce((sum, row) => sum + row[j]!, 0) / rows.length;
      for (const row of side) row[j] = row[j]! - mean;
    }
    scale[j] = Math.hypot(...z.map((row) => row[j]!));
    for (const row of z) row[j] = row[j]! / scale[j]!;
  }
  const dot = (x: Float64Array, y: Float64Array) => x.reduce((sum, value, j) => sum + value * y[j]!, 0);
  // Both sides turn alike, until the rows of z are orthogonal: each then predicts its own row of u.
  for (let sweep = 0; sweep < 12; sweep++) {
    for (let p = 0; p < z.length; p++) {
      for (let q = p + 1; q < z.length; q++) {
        const [alpha, beta, gamma] = [dot(z[p]!, z[p]!), dot(z[q]!, z[q]!), dot(z[p]!, z[q]!)];
        if (Math.abs(gamma) <= 1e-15 * Math.sqrt(alpha * beta)) continue;
        const zeta = (beta - alpha) / (2 * gamma);
        const t = Math.sign(zeta || 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const c = 1 / Math.hypot(1, t);
        for (const side of [z, u]) {
          const [x, y] = [side[p]!, side[q]!];
          side[p] = x.map((value, j) => c * (value - t * y[j]!));
          side[q] = y.map((value, j) => c * (t * x[j]! + value));
        }
      }
    }
  }
  const weight = new Float64Array(d * d);
  for (const [i, row] of z.entries()) {
    const size = dot(row, row);
    // Centred rows add up to zero: one is none but for rounding.
    if (size < 1e-20) continue;
    for (let j = 0; j < d; j++) {
      const factor = row[j]! / (size + ridge) / scale[j]!;
      for (let k = 0; k < d; k++) weight[j * d + k] = weight[j * d + k]! + factor * u[i]![k]!;
    }
  }
  return weight;
}

describe('fitting a residual probe', () => {
  it(`gives the golden least-squares solution with massive activations (${REGENERATE})`, async () => {
    const { x, y, width, weight, bias, condition } = golden.massive;
    expect(condition).toBeGreaterThan(1e4);
    const probe = await fitProbe(allRows(Float32Array.from(x), Float32Array.from(y), width), { ridge: 0 });
    expect(relativeError(probeWeight(probe!), weight)).toBeLessThan(1e-6);
    expect(relativeError(probe!.bias, bias)).toBeLessThan(1e-6);
  });

  it(`gives the golden ridge solution with fewer tokens than features (${REGENERATE})`, async () => {
    const { x, y, width, ridge, weight, bias } = golden.few;
    const probe = await fitProbe(allRows(Float32Array.from(x), Float32Array.from(y), width), { ridge });
    expect(relativeError(probeWeight(probe!), weight)).toBeLessThan(1e-6);
    expect(relativeError(probe!.bias, bias)).toBeLessThan(1e-6);
  });

  it.each(['low-rank', 'dense'] as const)(
    `gives the golden ridge solution with tokens that are nearly alike and massive activations, %s (${REGENERATE})`,
    async (form) => {
      const { x, y, width, ridge, weight, bias, condition } = golden.wide;
      expect(condition).toBeGreaterThan(1e4);
      const probe = await fitProbe(allRows(Float32Array.from(x), Float32Array.from(y), width), { ridge, form });
      expect(relativeError(probeWeight(probe!), weight)).toBeLessThan(1e-6);
      expect(relativeError(probe!.bias, bias)).toBeLessThan(1e-6);
    },
  );

  it('is of low rank where there are fewer tokens than features, and the float32 map loses no digits', async () => {
    const { x, y, rows, width, weight } = golden.wide;
    const data = allRows(Float32Array.from(x), Float32Array.from(y), width);
    const map = asAffineMap((await fitProbe(data))!);
    if ('weight' in map) throw new Error('It is dense');
    expect([map.left.length, map.right.length]).toEqual([width * rows, rows * width]);
    const probe = {
      width,
      rank: rows,
      left: Float64Array.from(map.left),
      right: Float64Array.from(map.right),
      bias: new Float64Array(width),
    };
    expect(relativeError(probeWeight(probe), weight)).toBeLessThan(1e-6);
    const enough = await fitProbe(massiveStates(width, width, 0.1));
    expect(enough).toHaveProperty('weight');
  });

  it.each([
    { what: 'fewer tokens than features', n: 12, d: 20 },
    { what: 'one token less than features', n: 19, d: 20 },
    { what: 'as many tokens as features', n: 20, d: 20 },
    { what: 'more tokens than features', n: 47, d: 20 },
    { what: 'more features than are held at once', n: 9, d: 530 },
    { what: 'one token', n: 1, d: 20 },
    { what: 'two tokens', n: 2, d: 20 },
  ])('gives the same figures in both forms with $what', async ({ n, d }) => {
    for (const change of ['none', 'constant column', 'duplicated rows'] as const) {
      const data = massiveStates(n + 40, d, 0.3);
      const fit = { ...data, rows: data.rows.subarray(0, n) };
      if (change === 'constant column') for (const row of data.rows) data.input[row * d + 3] = 7.3;
      if (change === 'duplicated rows' && n > 1) {
        for (const values of [data.input, data.output]) values.copyWithin(d, 0, d);
        data.output[d] = data.output[d]! + 0.5;
      }
      const [dense, lowRank] = [await fitProbe(fit, { form: 'dense' }), await fitProbe(fit, { form: 'low-rank' })];
      const judged = { ...data, rows: data.rows.subarray(n) };
      const [a, b] = [await measureProbe(dense!, judged), await measureProbe(lowRank!, judged)];
      expect(Math.abs(a.r2! - b.r2!), change).toBeLessThan(1e-5 * Math.max(1, Math.abs(a.r2!)));
      expect(Math.abs(a.error! / b.error! - 1), change).toBeLessThan(1e-5);
      expect(relativeError(lowRank!.bias, dense!.bias), change).toBeLessThan(1e-5);
    }
  });

  it.each([
    { n: 700, d: 50 },
    { n: 301, d: 33 },
  ])('agrees with a QR solution of $n tokens and $d features, each weight row for itself', async ({ n, d }) => {
    const data = massiveStates(n, d, 0.01);
    const probe = await fitProbe(data, { ridge: 0 });
    const reference = leastSquaresByQr(data);
    for (let i = 0; i < d; i++) {
      const row = probeWeight(probe!).subarray(i * d, (i + 1) * d);
      expect(relativeError(row, reference.weight.slice(i * d, (i + 1) * d))).toBeLessThan(1e-6);
    }
    expect(relativeError(probe!.bias, reference.bias)).toBeLessThan(1e-6);
  });

  it('agrees with singular values at width 3072, with massive activations and tokens that are nearly alike', async () => {
    const [n, d] = [16, 3072];
    const random = seededRandom(8);
    const scale = (j: number) => (j === 5 ? 1e4 : j === 1111 ? 1e3 : 10 ** ((-2 * j) / d));
    const input = Float32Array.from({ length: n * d }, (_, at) => scale(at % d) * (random.normal() + 0.3));
    for (let j = 0; j < d; j++) input[d + j] = input[j]! * (1 + 1e-4 * random.normal());
    const output = input.map((value, at) => value + 0.1 * scale(at % d) * random.normal() + 0.3);
    const probe = await fitProbe(allRows(input, output, d));
    const found = probeWeight(probe!);
    expect(relativeError(found, ridgeBySingularValues(allRows(input, output, d), DEFAULT_RIDGE))).toBeLessThan(1e-6);
  }, 120_000);

  it('is unmoved at the default ridge where the tokens determine the probe', async () => {
    const data = massiveStates(700, 50, 0.01);
    const reference = leastSquaresByQr(data);
    expect(relativeError(probeWeight((await fitProbe(data))!), reference.weight)).toBeLessThan(1e-6);
  });

  it('uses the chosen rows only', async () => {
    const data = massiveStates(400, 8, 0.1);
    const half = data.rows.filter((row) => row % 2 === 0);
    const compact = {
      ...data,
      input: data.input.filter((_, i) => Math.floor(i / 8) % 2 === 0),
      output: data.output.filter((_, i) => Math.floor(i / 8) % 2 === 0),
      rows: Uint32Array.from(half.keys()),
    };
    expect(await fitProbe({ ...data, rows: half })).toEqual(await fitProbe(compact));
  });

  it('gives a constant feature no weight, and stays finite', async () => {
    const data = massiveStates(100, 8, 0.1);
    for (const row of data.rows) data.input[row * 8 + 3] = 7.3;
    const probe = await fitProbe(data);
    expect([...probeWeight(probe!).subarray(24, 32)]).toEqual(Array(8).fill(0));
    expect([...probeWeight(probe!), ...probe!.bias].every(Number.isFinite)).toBe(true);
  });

  it('is null for a stream that the block does not update, exactly or but for rounding', async () => {
    const { input } = massiveStates(64, 8, 0.1);
    expect(await fitProbe(allRows(input, input.slice(), 8))).toBeNull();
    const rounded = input.map((value, i) => value * (1 + (i % 2) * 1e-7));
    expect(await fitProbe(allRows(input, rounded, 8))).toBeNull();
    expect(await fitProbe(allRows(new Float32Array(64), new Float32Array(64), 8))).toBeNull();
  });

  it('says so when the tokens do not determine it and there is no ridge', async () => {
    const data = massiveStates(6, 8, 0.1);
    await expect(fitProbe(data, { ridge: 0 })).rejects.toMatchObject({ code: 'calibration-invalid' });
    expect(await fitProbe(data)).not.toBeNull();
  });

  it('stops when cancelled', async () => {
    const pace = new Pace(AbortSignal.abort());
    pace.due = () => true;
    await expect(fitProbe(massiveStates(64, 8, 0.1), { ridge: 0, pace })).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('measuring a probe on held-out rows', () => {
  const data = massiveStates(900, 12, 0.5);
  const fit = { ...data, rows: data.rows.filter((row) => row < 600) };
  const heldOut = { ...data, rows: data.rows.filter((row) => row >= 600) };

  it('gives R² and error from their definitions', async () => {
    const probe = await fitProbe(fit);
    const { r2, error } = await measureProbe(probe!, heldOut);
    const map = asAffineMap(probe!);
    const weight = probeWeight(probe!);
    const updates: number[][] = [];
    let residual = 0;
    for (const row of heldOut.rows) {
      const x = data.input.subarray(row * 12, row * 12 + 12);
      const u = Array.from(x, (value, j) => data.output[row * 12 + j]! - value);
      const predicted = u.map(
        (_, j) => map.bias[j]! + x.reduce((sum, value, i) => sum + value * weight[i * 12 + j]!, 0),
      );
      updates.push(u);
      residual += u.reduce((sum, value, j) => sum + (value - predicted[j]!) ** 2, 0);
    }
    const mean = updates[0]!.map((_, j) => updates.reduce((sum, u) => sum + u[j]!, 0) / updates.length);
    const deviation = updates.flatMap((u) => u.map((value, j) => (value - mean[j]!) ** 2)).reduce((a, b) => a + b);
    const size = updates.flat().reduce((sum, value) => sum + value * value, 0);
    expect(r2).toBeCloseTo(1 - residual / deviation, 3);
    expect(error).toBeCloseTo(Math.sqrt(residual / size), 3);
    expect(r2).toBeLessThan(0.99);
    expect(error).toBeGreaterThan(0.1);
  });

  it('does not flatter a probe of noise with as many features as tokens', async () => {
    const noise = massiveStates(900, 12, 50);
    const few = await fitProbe({ ...noise, rows: noise.rows.filter((row) => row < 16) });
    expect((await measureProbe(few!, { ...noise, rows: noise.rows.filter((row) => row < 16) })).r2).toBeGreaterThan(
      0.5,
    );
    expect((await measureProbe(few!, { ...noise, rows: noise.rows.filter((row) => row >= 16) })).r2).toBeLessThan(0);
  });

  it('has no R² for a constant update, which leaves no variance to explain', async () => {
    const shifted = allRows(
      data.input,
      data.input.map((value) => Math.fround(value)),
      12,
    );
    shifted.input.fill(0.5);
    shifted.output.fill(0.75);
    const probe = await fitProbe(shifted);
    expect(await measureProbe(probe!, shifted)).toEqual({ r2: null, error: expect.closeTo(0, 6) });
  });

  it('has nothing to say without rows or without an update', async () => {
    const probe = await fitProbe(massiveStates(100, 12, 0.1));
    const none = { ...data, rows: new Uint32Array() };
    expect(await measureProbe(probe!, none)).toEqual({ r2: null, error: null });
    expect(await measureProbe(probe!, { ...data, output: data.input })).toEqual({ r2: null, error: null });
  });

  it('is, for cells of rows, what it is for those rows written out, and has bounds around it', async () => {
    const probe = await fitProbe(fit);
    const cells = 6;
    const cellOf = Uint32Array.from(heldOut.rows, (_, i) => i % cells);
    const errors = await sumProbeErrors(probe!, heldOut, cellOf, cells, new Pace());
    const drawn = [3, 0, 1, 0, 2, 0];
    const written = heldOut.rows.filter((_, i) => drawn[i % cells]! > 0);
    const copies = Uint32Array.from([...written].flatMap((row) => Array(drawn[(row - 600) % cells]).fill(row)));
    const bands = Uint32Array.of(0, 0, 1, 1, 1, 1);
    const groups = {
      count: cells,
      groups: cells,
      groupOf: Uint32Array.from(drawn.keys()),
      bandOf: bands,
      ofSample: new Map(),
    };
    const weightings = weightingsOf(groups, 2, { resamples: 100, seed: 2 });
    for (const [cell, weight] of drawn.entries()) weightings.values[cell * weightings.columns + 2] = weight;
    const quality = weightedProbeQuality(errors, weightings);
    const [whole, few] = [await measureProbe(probe!, heldOut), await measureProbe(probe!, { ...data, rows: copies })];
    expect(quality.r2).toBeCloseTo(whole.r2!, 10);
    expect(quality.error).toBeCloseTo(whole.error!, 10);
    expect(quality.bands[1]!.r2).toBeCloseTo(few.r2!, 10);
    expect(quality.bands[1]!.error).toBeCloseTo(few.error!, 10);
    expect(quality.r2Bounds!.low).toBeLessThan(whole.r2!);
    expect(quality.r2Bounds!.high).toBeGreaterThan(whole.r2!);
    expect(quality.errorBounds!.low).toBeLessThan(whole.error!);
    expect(quality.errorBounds!.high).toBeGreaterThan(whole.error!);
  });
});
