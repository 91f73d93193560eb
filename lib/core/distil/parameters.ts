/**
 * The weights in training as a few flat vectors: the optimizer, clipping, averaging and checkpoints then are a handful of
 * operations on vectors, whatever the number of tensors. Cutting the vectors up is differentiable, so that a gradient comes
 * out flat again. A large tensor is a group of its own: cutting up and joining copy, and a few calls more cost less.
 */
import * as tf from '@tensorflow/tfjs-core';
import { ContiguaError } from '../errors.ts';

/** Elements of a vector that several tensors share. */
const MAX_SHARED_ELEMENTS = 2 ** 20;

interface Placed {
  readonly name: string;
  /** As the engine holds it: matrices are [in, out]. */
  readonly shape: readonly number[];
  readonly size: number;
}

/** Which tensor lies where: the groups in order, each with its tensors in order. */
export type ParameterLayout = readonly (readonly Placed[])[];
/** One vector per group of a layout. */
export type FlatParameters = readonly tf.Tensor1D[];

/** By name, whatever the order in which a checkpoint stores them: a state saved with one copy of a model fits every other. */
export function layoutOf(
  tensors: Iterable<readonly [string, tf.Tensor]>,
  maxSharedElements = MAX_SHARED_ELEMENTS,
): ParameterLayout {
  const groups: Placed[][] = [];
  let shared: Placed[] = [];
  let room = 0;
  for (const [name, { shape, size }] of [...tensors].sort(([x], [y]) => (x < y ? -1 : 1))) {
    if (size > maxSharedElements) {
      groups.push([{ name, shape, size }]);
      continue;
    }
    if (size > room) {
      shared = [];
      groups.push(shared);
      room = maxSharedElements;
    }
    shared.push({ name, shape, size });
    room -= size;
  }
  return groups;
}

/** Vectors of the caller's own. */
export function flatten(tensors: ReadonlyMap<string, tf.Tensor>, layout: ParameterLayout): FlatParameters {
  return layout.map((group) =>
    tf.tidy(() => {
      const parts = group.map(({ name }) => {
        const tensor = tensors.get(name);
        if (!tensor) throw new ContiguaError('internal', 'A parameter is missing', { tensor: name });
        return tf.reshape(tensor, [-1]) as tf.Tensor1D;
      });
      return parts.length === 1 ? tf.clone(parts[0]!) : tf.concat1d(parts);
    }),
  );
}

/** The tensors by name, differentiable in the vectors. Call inside tf.tidy or a gradient. */
export function unflatten(vectors: FlatParameters, layout: ParameterLayout): Map<string, tf.Tensor> {
  const tensors = new Map<string, tf.Tensor>();
  layout.forEach((group, index) => {
    const vector = vectors[index];
    if (!vector) throw new RangeError(`The layout has ${layout.length} groups, ${vectors.length} vectors were given`);
    const sizes = group.map(({ size }) => size);
    const parts = group.length === 1 ? [vector] : tf.split(vector, sizes);
    group.forEach(({ name, shape }, i) => {
      const part = parts[i]!;
      // A vector needs no call, and a block has more of them than of matrices.
      tensors.set(name, shape.length === 1 && group.length > 1 ? part : tf.reshape(part, [...shape]));
    });
  });
  return tensors;
}

/** The tensors by name, copies of the caller's own. */
export function cutUp(vectors: FlatParameters, layout: ParameterLayout): Map<string, tf.Tensor> {
  // What a tidy lets live it looks for in objects, not in maps.
  return new Map(Object.entries(tf.tidy(() => Object.fromEntries(unflatten(vectors, layout)))));
}

/**
 * 1 where an element belongs to a matrix, 0 in gains and biases: what weight decay acts on. A number for a group of one
 * kind, else a vector of the caller's own.
 */
export function matrixMask(layout: ParameterLayout): readonly (tf.Tensor1D | 0 | 1)[] {
  const isMatrix = ({ shape }: Placed) => shape.length >= 2;
  return layout.map((group) => {
    if (group.every(isMatrix)) return 1;
    if (!group.some(isMatrix)) return 0;
    const mask = new Float32Array(group.reduce((sum, { size }) => sum + size, 0));
    let at = 0;
    for (const placed of group) {
      if (isMatrix(placed)) mask.fill(1, at, at + placed.size);
      at += placed.size;
    }
    return tf.tensor1d(mask);
  });
}

export function zerosLike(vectors: FlatParameters): FlatParameters {
  return vectors.map((vector) => tf.zerosLike(vector));
}
