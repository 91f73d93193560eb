import { describe, expect, it } from 'vitest';
import { seededRandom } from '../random.ts';
import { centred, leadingSpace, products, weightedMean } from './leading-space.ts';
import { product, sharedBasis, squaredErrors } from './shared-basis.ts';
import { symmetricEigen } from './symmetric-eigen.ts';

const random = seededRandom(7);
const normals = (length: number) => Float64Array.from({ length }, () => random.normal());
const sum = (values: Float64Array) => values.reduce((all, x) => all + x, 0);

describe('the eigenvectors of a symmetric matrix', () => {
  it('are orthonormal, and give the matrix back', () => {
    const n = 24;
    const half = normals(n * n);
    const matrix = Float64Array.from({ length: n * n }, (_, i) => half[i]! + half[(i % n) * n + Math.floor(i / n)]!);
    const { values, vectors } = symmetricEigen(matrix, n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let [along, back] = [0, 0];
        for (let k = 0; k < n; k++) {
          along += vectors[i * n + k]! * vectors[j * n + k]!;
          back += values[k]! * vectors[k * n + i]! * vectors[k * n + j]!;
        }
        expect(along).toBeCloseTo(i === j ? 1 : 0, 12);
        expect(back).toBeCloseTo(matrix[i * n + j]!, 10);
      }
    }
    expect([...values]).toEqual([...values].sort((a, b) => b - a));
  });

  it('come with small eigenvalues to their last digits beside large ones', () => {
    const { values } = symmetricEigen(Float64Array.of(1, 1e-9, 1e-9, 3e-14), 2);
    expect(values[1]! / (3e-14 - 1e-18)).toBeCloseTo(1, 6);
  });
});

describe('the space of a curve', () => {
  const width = 40;
  const count = 60;

  it('is found where it is smaller than the width, and says what is outside', () => {
    const [inside, along] = [normals(5 * width), normals(count * 5)];
    const points = product(along, inside, count, 5, width);
    const { directions, lost } = leadingSpace(points, width, 8);
    expect(lost).toBeLessThan(1e-12);
    const back = product(products(points, directions, width, 8), directions, count, 8, width);
    for (const [i, x] of back.entries()) expect(x).toBeCloseTo(points[i]!, 8);
    expect(leadingSpace(points, width, 3).lost).toBeGreaterThan(0.05);
  });

  it('of fewer directions than are looked at is filled up with others, orthonormal', () => {
    const points = product(normals(count * 5), normals(5 * width), count, 5, width);
    const { directions, lost } = leadingSpace(points, width, 20);
    expect(lost).toBeLessThan(1e-12);
    const gram = products(directions, directions, width, 20);
    for (const [i, x] of gram.entries()) expect(x).toBeCloseTo(i % 21 === 0 ? 1 : 0, 12);
  });
});

describe('a shared basis', () => {
  const [size, count, rows] = [12, 50, 90];
  const rank = 4;
  const Y = normals(rows * size);
  const gram = Float64Array.from({ length: size * size }, (_, i) => {
    const [a, b] = [Math.floor(i / size), i % size];
    let value = 0;
    for (let r = 0; r < rows; r++) value += Y[r * size + a]! * Y[r * size + b]!;
    return value;
  });
  const whole = (points: Float64Array) => squaredErrors(points, gram, sharedBasis(points, gram, size))[0]!;

  it('of a curve of exactly k directions leaves nothing at rank k, and something at k − 1', () => {
    const points = product(normals(count * rank), normals(rank * size), count, rank, size);
    const errors = squaredErrors(points, gram, sharedBasis(points, gram, size));
    expect(errors[rank]! / whole(points)).toBeLessThan(1e-18);
    expect(errors[rank - 1]! / whole(points)).toBeGreaterThan(1e-3);
  });

  it('leaves as much as the singular values of the modulations say, which is least', () => {
    const points = normals(count * size);
    const errors = squaredErrors(points, gram, sharedBasis(points, gram, size));
    const modulations = product(
      points,
      Float64Array.from(Y, (_, i) => Y[(i % rows) * size + Math.floor(i / rows)]!),
      count,
      size,
      rows,
    );
    const outer = product(
      modulations,
      Float64Array.from(modulations, (_, i) => modulations[(i % count) * rows + Math.floor(i / count)]!),
      count,
      rows,
      count,
    );
    const { values } = symmetricEigen(outer, count);
    for (let r = 0; r <= size; r++)
      expect(errors[r]! / whole(points)).toBeCloseTo(sum(values.slice(r)) / sum(values), 9);
  });

  it('of the conditioning alone leaves more of the modulations', () => {
    const points = normals(count * size);
    const identity = Float64Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
    const alone = squaredErrors(points, gram, sharedBasis(points, identity, size));
    const best = squaredErrors(points, gram, sharedBasis(points, gram, size));
    expect(alone[rank]).toBeGreaterThan(1.0001 * best[rank]!);
    expect(alone[size]! / whole(points)).toBeLessThan(1e-12);
  });

  it('counts a timestep by its weight', () => {
    const rows = Float32Array.of(0, 0, 2, 4);
    const weighted = { rows, width: 2, weights: Float64Array.of(3, 1) };
    expect([...weightedMean(weighted)]).toEqual([0.5, 1]);
    expect([...centred(weighted, weightedMean(weighted))].map((x) => Number(x.toFixed(6)))).toEqual(
      [-0.5 * Math.sqrt(3), -Math.sqrt(3), 1.5, 3].map((x) => Number(x.toFixed(6))),
    );
  });
});
