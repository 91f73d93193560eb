/** Compares tensors in diffusers' layout with what the files of this folder hold of them. For tests. */
import * as tf from '@tensorflow/tfjs-core';
import { goldenSamples } from './golden-distil.ts';

export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly norm: number;
  readonly samples: readonly number[];
  /** Every element, of small tensors. */
  readonly all?: readonly number[];
}

export interface GoldenTensors {
  /** Of all tensors together. */
  readonly norm: number;
  readonly tensors: Readonly<Record<string, GoldenTensor>>;
}

export interface Values {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

/** The largest difference, and where: norms relative to themselves, elements to the root mean square of their tensor. */
export interface Deviation {
  readonly value: number;
  readonly where: string;
}

/** Matrices on the engine are [in, out], in diffusers' files [out, in]. */
export async function asStored(tensors: ReadonlyMap<string, tf.Tensor>): Promise<Map<string, Values>> {
  const stored = new Map<string, Values>();
  for (const [name, tensor] of tensors) {
    const turned = tf.transpose(tensor);
    stored.set(name, { shape: turned.shape, values: await turned.data() });
    turned.dispose();
  }
  return stored;
}

/** Throws when names or shapes differ. */
export function deviationOf(found: ReadonlyMap<string, Values>, golden: GoldenTensors): Deviation {
  const names = (of: Iterable<string>) => [...of].sort().join();
  if (names(found.keys()) !== names(Object.keys(golden.tensors))) {
    throw new RangeError(`Found ${names(found.keys())}, expected ${names(Object.keys(golden.tensors))}`);
  }
  const total = Math.hypot(...[...found.values()].map(({ values }) => norm(values)));
  const deviations = [{ value: Math.abs(total / golden.norm - 1), where: 'norm of all' }];
  for (const [name, tensor] of found) {
    const { value, where } = tensorDeviation(tensor, golden.tensors[name]!, golden.norm);
    deviations.push({ value, where: `${name} ${where}` });
  }
  return largest(deviations);
}

/** `scale` stands in for the norm of a tensor that is all zeros. */
export function tensorDeviation({ shape, values }: Values, golden: GoldenTensor, scale = 1): Deviation {
  if (shape.join() !== golden.shape.join()) throw new RangeError(`Found [${shape}], expected [${golden.shape}]`);
  const reference = golden.norm || scale;
  const rms = reference / Math.sqrt(values.length);
  const compare = (list: ArrayLike<number>, expected: readonly number[], label: string): Deviation[] =>
    expected.map((e, i) => ({ value: Math.abs(list[i]! - e) / rms, where: `${label} ${i}: ${list[i]}, not ${e}` }));
  return largest([
    { value: Math.abs(norm(values) - golden.norm) / reference, where: `norm: ${norm(values)}, not ${golden.norm}` },
    ...compare(goldenSamples(values, golden.samples.length), golden.samples, 'sample'),
    ...compare(values, golden.all ?? [], 'element'),
  ]);
}

function largest(deviations: readonly Deviation[]): Deviation {
  // NaN counts as the largest of all.
  return deviations.reduce((worst, d) => (d.value > worst.value || Number.isNaN(d.value) ? d : worst));
}

function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! ** 2;
  return Math.sqrt(sum);
}
