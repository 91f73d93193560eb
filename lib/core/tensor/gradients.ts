/**
 * Importing this file makes the operations of the models and losses differentiable. TensorFlow.js' core comes without
 * gradients; its own `register_all_gradients` is a file that only bundlers can load (under Node it would bring a second
 * copy of the core), registers a hundred kernels that nothing here uses, and tiles where a broadcast does. An operation
 * that is missing fails by name when it is differentiated: add it here, and to the test.
 */
import * as tf from '@tensorflow/tfjs-core';
import { sigmoidGradient } from './tensorflow-library.ts';

type Gradients = ReturnType<tf.GradFunc>;

/** `gradFunc` gets what is saved, by name, in the order of `inputs`, then the output if `output` is set. */
function differentiable(
  kernelName: string,
  { inputs = [], output = false }: { inputs?: readonly string[]; output?: boolean },
  gradFunc: (dy: tf.Tensor, saved: readonly tf.Tensor[], attrs: tf.NamedAttrMap) => Gradients,
): void {
  tf.registerGradient({
    kernelName,
    inputsToSave: [...inputs],
    outputsToSave: output ? [true] : [],
    gradFunc: (dy, saved, attrs) => gradFunc(one(dy), saved, attrs),
  });
}

function one(dy: tf.Tensor | tf.Tensor[]): tf.Tensor {
  if (Array.isArray(dy)) throw new RangeError('This operation has one output');
  return dy;
}

/** Sums over the dimensions along which `shape` was broadcast to x's. A handle of its own in any case: both may be disposed. */
function summedTo(x: tf.Tensor, shape: readonly number[]): tf.Tensor {
  if (tf.util.arraysEqual(x.shape, [...shape])) return tf.clone(x);
  const summed = tf.sum(x, tf.broadcast_util.getReductionAxes([...shape], x.shape), true);
  return tf.util.arraysEqual(summed.shape, [...shape]) ? summed : tf.reshape(summed, [...shape]);
}

function binary(
  kernelName: string,
  ofA: (dy: tf.Tensor, a: tf.Tensor, b: tf.Tensor) => tf.Tensor,
  ofB: (dy: tf.Tensor, a: tf.Tensor, b: tf.Tensor) => tf.Tensor,
): void {
  differentiable(kernelName, { inputs: ['a', 'b'] }, (dy, saved) => {
    const [a, b] = pair(saved);
    return { a: () => summedTo(ofA(dy, a, b), a.shape), b: () => summedTo(ofB(dy, a, b), b.shape) };
  });
}

/** Of a function of one input named x, by its input or by its output. */
function unary(
  kernelName: string,
  by: 'input' | 'output',
  gradient: (dy: tf.Tensor, saved: tf.Tensor) => tf.Tensor,
): void {
  const saving = by === 'input' ? { inputs: ['x'] } : { output: true };
  differentiable(kernelName, saving, (dy, saved) => ({ x: () => gradient(dy, first(saved)) }));
}

function first(saved: readonly tf.Tensor[]): tf.Tensor {
  const [x] = saved;
  if (!x) throw new RangeError('A tensor was not saved');
  return x;
}

function pair(saved: readonly tf.Tensor[]): [tf.Tensor, tf.Tensor] {
  const [a, b] = saved;
  if (!a || !b) throw new RangeError('A tensor was not saved');
  return [a, b];
}

binary(
  tf.Add,
  (dy) => dy,
  (dy) => dy,
);
binary(
  tf.Sub,
  (dy) => dy,
  (dy) => tf.neg(dy),
);
binary(
  tf.Multiply,
  (dy, _, b) => tf.mul(dy, b),
  (dy, a) => tf.mul(dy, a),
);
binary(
  tf.RealDiv,
  (dy, _, b) => tf.div(dy, b),
  (dy, a, b) => tf.neg(tf.div(tf.mul(dy, a), tf.square(b))),
);
binary(
  tf.SquaredDifference,
  (dy, a, b) => tf.mul(dy, tf.mul(tf.sub(a, b), 2)),
  (dy, a, b) => tf.mul(dy, tf.mul(tf.sub(b, a), 2)),
);
// A tie belongs to the first one.
binary(
  tf.Maximum,
  (dy, a, b) => tf.mul(dy, tf.cast(tf.greaterEqual(a, b), 'float32')),
  (dy, a, b) => tf.mul(dy, tf.cast(tf.less(a, b), 'float32')),
);
binary(
  tf.Minimum,
  (dy, a, b) => tf.mul(dy, tf.cast(tf.lessEqual(a, b), 'float32')),
  (dy, a, b) => tf.mul(dy, tf.cast(tf.greater(a, b), 'float32')),
);

unary(tf.Square, 'input', (dy, x) => tf.mul(dy, tf.mul(x, 2)));
unary(tf.Abs, 'input', (dy, x) => tf.mul(dy, tf.sign(x)));
unary(tf.Log, 'input', (dy, x) => tf.div(dy, x));
unary(tf.Exp, 'output', (dy, y) => tf.mul(dy, y));
unary(tf.Sqrt, 'output', (dy, y) => tf.div(dy, tf.mul(y, 2)));
unary(tf.Rsqrt, 'output', (dy, y) => tf.mul(dy, tf.mul(tf.mul(tf.square(y), y), -0.5)));
unary(tf.Sigmoid, 'output', (dy, y) => sigmoidGradient(y, dy));

differentiable(tf.Neg, {}, (dy) => ({ x: () => tf.neg(dy) }));
differentiable(tf.Identity, {}, (dy) => ({ x: () => tf.clone(dy) }));
differentiable(tf.Cast, {}, (dy) => ({ x: () => tf.clone(dy) }));
differentiable(tf.Reshape, { inputs: ['x'] }, (dy, saved) => ({ x: () => tf.reshape(dy, first(saved).shape) }));
differentiable(tf.ExpandDims, { inputs: ['input'] }, (dy, saved) => ({
  input: () => tf.reshape(dy, first(saved).shape),
}));

differentiable(tf.Softmax, { output: true }, (dy, saved, { dim }) => ({
  logits: () => {
    const y = first(saved);
    const weighted = tf.mul(dy, y);
    return tf.sub(weighted, tf.mul(tf.sum(weighted, Number(dim), true), y));
  },
}));

/** The gradient of a sum is the same for everything summed over; of a mean, a share of it. */
function reduction(kernelName: string, share: (x: tf.Tensor, dy: tf.Tensor) => number): void {
  differentiable(kernelName, { inputs: ['x'] }, (dy, saved, { axis }) => ({
    x: () => {
      const x = first(saved);
      const axes = tf.util.parseAxisParam(axis as number | number[], x.shape);
      const kept = x.shape.map((size, i) => (axes.includes(i) ? 1 : size));
      return tf.mul(tf.reshape(dy, kept), tf.fill(x.shape, share(x, dy)));
    },
  }));
}
reduction(tf.Sum, () => 1);
reduction(tf.Mean, (x, dy) => dy.size / x.size);

differentiable(tf.Transpose, {}, (dy, _, { perm }) => ({
  x: () => tf.transpose(dy, tf.backend_util.getUndoAxesPermutation(perm as number[])),
}));
differentiable(tf.Slice, { inputs: ['x'] }, (dy, saved, { begin, size }) => ({
  x: () => {
    const x = first(saved);
    const [starts] = tf.slice_util.parseSliceParams(x, begin as number | number[], size as number | number[]);
    const around = x.shape.map((length, i): [number, number] => {
      const before = starts?.[i] ?? 0;
      return [before, length - before - (dy.shape[i] ?? 0)];
    });
    return tf.pad(dy, around);
  },
}));

tf.registerGradient({
  kernelName: tf.Concat,
  saveAllInputs: true,
  gradFunc: (dy, saved, { axis }) => {
    const along = tf.util.parseAxisParam(axis as number, saved[0]!.shape)[0]!;
    const parts = tf.split(
      one(dy),
      saved.map(({ shape }) => shape[along]!),
      along,
    );
    return Object.fromEntries(parts.map((part, i) => [i, () => part]));
  },
});
tf.registerGradient({
  kernelName: tf.SplitV,
  gradFunc: (dy, _, { axis }) => ({ x: () => tf.concat(Array.isArray(dy) ? dy : [dy], axis as number) }),
});
tf.registerGradient({
  kernelName: tf.Pack,
  saveAllInputs: true,
  gradFunc: (dy, _, { axis }) =>
    Object.fromEntries(tf.unstack(one(dy), axis as number).map((part, i) => [i, () => part])),
});
tf.registerGradient({
  kernelName: tf.AddN,
  saveAllInputs: true,
  gradFunc: (dy, saved) => Object.fromEntries(saved.map((_, i) => [i, () => tf.clone(one(dy))])),
});

differentiable(tf.BatchMatMul, { inputs: ['a', 'b'] }, (dy, saved, { transposeA, transposeB }) => {
  const [a, b] = pair(saved);
  return {
    a: () =>
      summedTo(transposeA ? tf.matMul(b, dy, !!transposeB, true) : tf.matMul(dy, b, false, !transposeB), a.shape),
    b: () => summedTo(transposeB ? tf.matMul(dy, a, true, !!transposeA) : tf.matMul(a, dy, !transposeA), b.shape),
  };
});
