import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DenseMap } from '../model/route.ts';
import { seededRandom } from '../random.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { CentredStates } from './centred-states.ts';
import { rbfCka } from './cka.ts';
import { featureKernels } from './feature-kernels.ts';
import golden from './goldens/cka.json';
import { Pace } from './pace.ts';
import { type KernelForm, linearCka, StreamSimilarity } from './similarity.ts';

const REGENERATE = 'python lib/core/analysis/goldens/generate.py';
const FORMS: KernelForm[] = ['features', 'samples'];
const pace = new Pace();

function normals(length: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length }, () => random.normal());
}

function times(x: Float32Array, matrix: ArrayLike<number>, d: number): Float32Array {
  return x.map((_, at) => {
    const row = at - (at % d);
    let sum = 0;
    for (let i = 0; i < d; i++) sum += x[row + i]! * matrix[i * d + (at % d)]!;
    return sum;
  });
}

/** A rotation of all features, as a product of plane rotations by seeded angles. */
function rotated(x: Float32Array, d: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  const y = Float64Array.from(x);
  for (let i = 0; i < d; i++) {
    for (let j = i + 1; j < d; j++) {
      const angle = 2 * Math.PI * random.uniform();
      for (let row = 0; row < y.length; row += d) {
        const [a, b] = [y[row + i]!, y[row + j]!];
        y[row + i] = Math.cos(angle) * a - Math.sin(angle) * b;
        y[row + j] = Math.sin(angle) * a + Math.cos(angle) * b;
      }
    }
  }
  return Float32Array.from(y);
}

/** Linear CKA from the definitions, with explicit n × n kernels in float64. */
function ckaByDefinition(x: ArrayLike<number>, y: ArrayLike<number>, n: number): { debiased: number; biased: number } {
  const d = x.length / n;
  const kernel = (values: ArrayLike<number>) => {
    const mean = Array.from(
      { length: d },
      (_, j) => Array.from({ length: n }, (_, i) => values[i * d + j]!).reduce((a, b) => a + b) / n,
    );
    const at = (i: number, j: number) => values[i * d + j]! - mean[j]!;
    return Array.from({ length: n }, (_, a) =>
      Array.from({ length: n }, (_, b) => mean.reduce((sum, _, j) => sum + at(a, j) * at(b, j), 0)),
    );
  };
  const dot = (k: number[][], l: number[][]) =>
    k.reduce((sum, row, i) => sum + row.reduce((s, v, j) => s + v * l[i]![j]!, 0), 0);
  const hsic = (k: number[][], l: number[][]) => {
    const [a, b] = [k, l].map((m) => m.map((row, i) => row.map((v, j) => (i === j ? 0 : v))));
    const sums = [a!, b!].map((m) => m.map((row) => row.reduce((s, v) => s + v, 0)));
    const total = sums.map((s) => s.reduce((x, v) => x + v, 0));
    const between = sums[0]!.reduce((s, v, i) => s + v * sums[1]![i]!, 0);
    return dot(a!, b!) + (total[0]! * total[1]!) / ((n - 1) * (n - 2)) - (2 / (n - 2)) * between;
  };
  const [k, l] = [kernel(x), kernel(y)];
  return {
    biased: dot(k, l) / Math.sqrt(dot(k, k) * dot(l, l)),
    debiased: hsic(k, l) / Math.sqrt(hsic(k, k) * hsic(l, l)),
  };
}

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'CKA', () => {
  let tensors = 0;
  beforeEach(() => {
    tensors = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors).toBe(tensors);
  });

  describe.each(FORMS)('from %s', (form) => {
    it(`gives the reference values (${REGENERATE})`, async () => {
      const values = await linearCka(Float32Array.from(golden.x), Float32Array.from(golden.y), golden.rows, pace, form);
      expect(Math.abs(values.biased! - golden.linear)).toBeLessThan(1e-5);
      expect(Math.abs(values.debiased! - golden.debiased)).toBeLessThan(1e-5);
      expect(golden.linear).toBeCloseTo(0.55761, 5);
      expect(golden.debiased).toBeCloseTo(0.51346, 5);
    });

    it('is invariant to rotation, isotropic scale and a shift of either side', async () => {
      const [n, d] = [60, 12];
      const x = normals(n * d, 1);
      const y = times(x, normals(d * d, 2), d);
      const plain = await linearCka(x, y, n, pace, form);
      const moved = rotated(x, d, 3).map((value, i) => 37 * value + (i % d) * 5);
      const other = await linearCka(
        moved,
        rotated(y, d, 4).map((value) => 1e-3 * value),
        n,
        pace,
        form,
      );
      expect(Math.abs(plain.debiased! - other.debiased!)).toBeLessThan(1e-5);
      expect(Math.abs(plain.biased! - other.biased!)).toBeLessThan(1e-5);
      expect(plain.biased).toBeLessThan(0.99);
    });

    it('is not invariant to a linear map that is no rotation', async () => {
      const x = normals(50 * 6, 5);
      const stretched = x.map((value, i) => (i % 6 === 0 ? 10 * value : value));
      expect((await linearCka(x, stretched, 50, pace, form)).biased).toBeLessThan(0.8);
    });

    it('agrees with the definition when features outnumber rows, where the estimators part', async () => {
      const [n, d] = [12, 40];
      const [x, y] = [normals(n * d, 6), normals(n * d, 7)];
      const values = await linearCka(x, y, n, pace, form);
      const expected = ckaByDefinition(x, y, n);
      expect(values.biased).toBeCloseTo(expected.biased, 5);
      expect(values.debiased).toBeCloseTo(expected.debiased, 4);
      expect(values.biased).toBeGreaterThan(0.5);
      expect(Math.abs(values.debiased!)).toBeLessThan(0.3);
    });

    it('stays exact when an offset and a massive feature dwarf the rest', async () => {
      const [n, d] = [80, 6];
      const x = normals(n * d, 8).map((value, i) => (i % d === 2 ? 3000 * value + 5000 : value + 100));
      const y = normals(n * d, 9).map((value, i) => (i % d === 2 ? 0.5 * x[i]! + 1000 * value : value));
      const values = await linearCka(x, y, n, pace, form);
      const expected = ckaByDefinition(x, y, n);
      expect(values.biased).toBeCloseTo(expected.biased, 5);
      expect(values.debiased).toBeCloseTo(expected.debiased, 5);
    });

    it('is null for a constant state, never NaN', async () => {
      const x = normals(40, 10);
      const constant = Float32Array.from({ length: 40 }, (_, i) => 0.1 + (i % 4) / 3);
      expect(await linearCka(x, constant, 10, pace, form)).toEqual({ debiased: null, biased: null });
      expect(await linearCka(constant, constant, 10, pace, form)).toEqual({ debiased: null, biased: null });
      expect(await linearCka(new Float32Array(40), x, 10, pace, form)).toEqual({ debiased: null, biased: null });
    });

    it('has no debiased value below four rows', async () => {
      const values = await linearCka(normals(15, 11), normals(15, 12), 3, pace, form);
      expect(values.debiased).toBeNull();
      expect(values.biased).toBeGreaterThan(0);
      expect((await linearCka(normals(20, 11), normals(20, 12), 4, pace, form)).debiased).not.toBeNull();
      expect(await linearCka(normals(5, 11), normals(5, 12), 1, pace, form)).toEqual({ debiased: null, biased: null });
    });
  });

  describe.each(FORMS)('trajectories from %s', (form) => {
    const [n, d, blocks] = [30, 5, 4];
    const probes: (DenseMap | null)[] = Array.from({ length: blocks }, (_, i) => ({
      weight: normals(d * d, 20 + i).map((value) => 0.3 * value),
      bias: normals(d, 30 + i),
    }));
    const states = Array.from({ length: blocks + 1 }, (_, i) => normals(n * d, 40 + i));
    for (let i = 1; i <= blocks; i++) states[i] = states[i]!.map((value, at) => 0.5 * value + states[i - 1]![at]!);

    /** l_k ∘ … ∘ l_{first} of the state before block `first`. */
    const surrogate = (first: number, k: number) => {
      let x = states[first]!;
      for (let i = first; i <= k; i++) {
        const { weight, bias } = probes[i] ?? { weight: new Float32Array(d * d), bias: new Float32Array(d) };
        const update = times(x, weight, d);
        x = x.map((value, at) => value + update[at]! + bias[at % d]!);
      }
      return x;
    };

    it('compare the surrogate with the teacher in all four readings', async () => {
      const similarity = new StreamSimilarity(states, n, d, { form });
      await similarity.compareStates(pace);
      const found = await similarity.followSurrogates(probes, pace);
      similarity.dispose();
      for (let u = 0; u < blocks; u++) {
        for (let k = 0; k < blocks; k++) {
          for (const start of ['block-u', 'probe-u'] as const) {
            const state = start === 'block-u' ? surrogate(u + 1, k) : surrogate(u, k);
            for (const target of ['teacher-after-k', 'teacher-after-u'] as const) {
              const reading = `${start}/${target}` as const;
              const teacher = states[target === 'teacher-after-k' ? k + 1 : u + 1]!;
              const expected = ckaByDefinition(state, teacher, n);
              for (const estimator of ['debiased', 'biased'] as const) {
                const value = found[estimator][reading][u]![k]!;
                if (k < u) expect(value).toBeNull();
                else expect(value, `${reading} ${estimator} ${u},${k}`).toBeCloseTo(expected[estimator], 4);
              }
            }
          }
        }
        expect(found.debiased['block-u/teacher-after-k'][u]![u]).toBe(1);
      }
    });

    it('are null at a block that does not update the stream, and go on behind it', async () => {
      const unchanged = probes.with(2, null);
      const similarity = new StreamSimilarity(states.with(3, states[2]!), n, d, { form });
      const { biased: cka } = await similarity.compareStates(pace);
      const { biased } = await similarity.followSurrogates(unchanged, pace);
      similarity.dispose();
      const row = biased['block-u/teacher-after-k'][0]!;
      expect(row[2]).toBeNull();
      expect(row[3]).not.toBeNull();
      expect(cka[1]![2]).toBeCloseTo(1, 6);
    });

    it('are null throughout for a constant stream', async () => {
      const constant = states.map(() => new Float32Array(n * d).fill(0.3));
      const similarity = new StreamSimilarity(constant, n, d, { form });
      const { debiased: cka } = await similarity.compareStates(pace);
      const { debiased } = await similarity.followSurrogates([null, null, null, null], pace);
      similarity.dispose();
      expect([...cka.flat(), ...Object.values(debiased).flat(2)].every((value) => value === null)).toBe(true);
    });
  });

  it('gives the same products when nothing may be kept on the engine', async () => {
    const states = new CentredStates([normals(60, 1), normals(60, 2), normals(60, 3)], 20, 3);
    const kept = featureKernels(states);
    const forgetful = featureKernels(states, 0);
    const oneByOne = featureKernels(states, 2 ** 20, 0);
    const twoByTwo = featureKernels(states, 0, 2 * 4 * 60);
    for (let a = 0; a < states.count; a++) {
      const expected = await kept.compare(a);
      expect(expected.inner).toHaveLength(states.count - a);
      for (const other of [forgetful, oneByOne, twoByTwo]) expect(await other.compare(a)).toEqual(expected);
    }
    oneByOne.dispose();
    twoByTwo.dispose();
    const tensorsBetween = tf.memory().numTensors;
    const followed = [];
    for (const kernels of [kept, forgetful]) {
      const surrogate = kernels.surrogateFrom(0);
      const step = kernels.stepOf({ weight: normals(9, 4), bias: normals(3, 5) });
      surrogate.apply(step);
      step.dispose();
      followed.push(await surrogate.compare([1, 2]));
      surrogate.dispose();
    }
    expect(followed[1]).toEqual(followed[0]);
    kept.dispose();
    expect(tf.memory().numTensors).toBeLessThan(tensorsBetween);
    forgetful.dispose();
  });

  it('leaves no tensors behind when it is stopped half-way', async () => {
    const states = [normals(60, 1), normals(60, 2), normals(60, 3)];
    for (const form of FORMS) {
      const similarity = new StreamSimilarity(states, 20, 3, { form });
      await similarity.compareStates(pace);
      const controller = new AbortController();
      const map = { weight: normals(9, 4), bias: normals(3, 5) };
      const stopped = similarity.followSurrogates([map, map], new Pace(controller.signal), () => controller.abort());
      await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
      similarity.dispose();
    }
  });
});

describe('CKA with a Gaussian kernel', () => {
  it(`gives the reference value (${REGENERATE})`, () => {
    const value = rbfCka(Float64Array.from(golden.x), Float64Array.from(golden.y), golden.rows, 0.5);
    expect(Math.abs(value! - golden.rbf)).toBeLessThan(1e-5);
    expect(golden.rbf).toBeCloseTo(0.65483, 5);
  });
});
