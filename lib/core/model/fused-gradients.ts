/**
 * The layers of a block with gradients written by hand. Differentiated operation by operation, a block's backward pass is
 * some nine hundred calls, most of them over tensors just read or about to be dropped; here each layer keeps the least that
 * its gradient needs and spends a dozen calls. Forwards are what they were: nothing depends on whether a gradient is taken.
 * Every gradient is compared with plain differentiation, on every engine (fused-gradients.test.ts).
 */
import * as tf from '@tensorflow/tfjs-core';
import { columnSums, sigmoidGradient } from '../tensor/tensorflow-library.ts';
import { withGradient } from '../tensor/with-gradient.ts';

const EPSILON = 1e-6;
/** tanh-GELU: u = √(2/π)(x + 0.044715x³), and ½(1 + tanh u) = σ(2u). */
const GELU_SLOPE = 2 * Math.sqrt(2 / Math.PI);
const GELU_CUBIC = GELU_SLOPE * 0.044715;

/** x·weight + bias: [..., in]·[in, out] + [out], or without a bias. With `turns` the weight is [out, in]. */
export function affine<T extends tf.Tensor>(x: T, weight: tf.Tensor2D, bias: tf.Tensor1D | null, turns = false): T {
  const [inner, outer] = turns ? [weight.shape[1], weight.shape[0]] : weight.shape;
  const { shape } = x;
  return withGradient<T>(
    bias ? [x, weight, bias] : [x, weight],
    (save) => {
      const rows = asRows(x, inner);
      save(rows, weight);
      return tf.reshape(productOf(rows, weight, bias, turns), [...shape.slice(0, -1), outer]) as T;
    },
    (dy, rows, saved) => {
      const dRows = asRows(dy, outer);
      const dx = tf.matMul(dRows, saved as tf.Tensor2D, false, !turns);
      const dWeight = turns ? tf.matMul(dRows, rows as tf.Tensor2D, true) : tf.matMul(rows as tf.Tensor2D, dRows, true);
      return [tf.reshape(dx, shape), dWeight, ...(bias ? [columnSums(dRows)] : [])];
    },
  );
}

function productOf(rows: tf.Tensor2D, weight: tf.Tensor2D, bias: tf.Tensor1D | null, turns: boolean): tf.Tensor {
  if (!bias) return tf.matMul(rows, weight, false, turns);
  // TensorFlow has no product with a bias that could be called, and each of the reshapes around this one is a call. WASM's
  // takes no transposed matrix.
  return turns || tf.getBackend() === 'tensorflow'
    ? tf.add(tf.matMul(rows, weight, false, turns), bias)
    : tf.fused.matMul({ a: rows, b: weight, bias });
}

function asRows(x: tf.Tensor, width: number): tf.Tensor2D {
  return (x.rank === 2 ? x : tf.reshape(x, [-1, width])) as tf.Tensor2D;
}

/** LayerNorm without parameters, then ·(1 + scale) + shift. x [B, N, D]; shift, scale [B, 1, D], or [B, N, D] where tokens differ. */
export function normThenModulate(x: tf.Tensor3D, shift: tf.Tensor3D, scale: tf.Tensor3D): tf.Tensor3D {
  const overTokens = (dy: tf.Tensor) => (shift.shape[1] === 1 ? tf.sum(dy, 1, true) : dy);
  return withGradient<tf.Tensor3D>(
    [x, shift, scale],
    (save) => {
      const centred = tf.sub(x, tf.mean(x, -1, true));
      const inverse = inverseRms(centred);
      const normed = tf.mul(centred, inverse);
      const gain = tf.add(scale, 1);
      save(normed, inverse, gain);
      return tf.add(tf.mul(normed, gain), shift);
    },
    (dy, normed, inverse, gain) => {
      const weighted = tf.mul(dy, normed!);
      const dNormed = tf.mul(dy, gain!);
      const alongNormed = tf.mean(tf.mul(weighted, gain!), -1, true);
      const across = tf.sub(tf.sub(dNormed, tf.mean(dNormed, -1, true)), tf.mul(normed!, alongNormed));
      return [tf.mul(across, inverse!), overTokens(dy), overTokens(weighted)];
    },
  );
}

/** 1/√(mean(x²) + ε) over the last dimension, kept as one. */
export function inverseRms(x: tf.Tensor): tf.Tensor {
  return tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), EPSILON));
}

/** x·σ(2u): the tanh-approximated GELU without the slow tanh. */
export function gelu<T extends tf.Tensor>(x: T): T {
  return withGradient<T>(
    [x],
    (save) => {
      const twoU = tf.mul(x, tf.add(tf.mul(tf.square(x), GELU_CUBIC), GELU_SLOPE));
      const share = tf.sigmoid(twoU);
      save(x, twoU, share);
      return tf.mul(x, share) as T;
    },
    (dy, saved, twoU, share) => {
      // The derivative is σ + σ′·x·(2u)′, and x·(2u)′ = 3·2u − 2·slope·x.
      const steepness = tf.sub(tf.mul(twoU!, 3), tf.mul(saved!, 2 * GELU_SLOPE));
      return [tf.mul(dy, tf.add(share!, sigmoidGradient(share!, steepness)))];
    },
  );
}

export interface Rotation {
  /** Constants [1, N, 1, h]. */
  readonly cos: tf.Tensor4D;
  readonly sin: tf.Tensor4D;
  /** The signed swap of pairs [h, h]. */
  readonly turn: tf.Tensor2D;
}

/**
 * RMS norm with its gain and `scale`, then the rotary rotation n∘cos + (n·turn)∘sin, or none. x [B, N, H, h]; gain
 * [1, N, 1, h], or [1, 1, 1, h] where it is the same for all tokens.
 */
export function normThenRotate(
  x: tf.Tensor4D,
  gain: tf.Tensor4D,
  rotation: Rotation | null,
  scale: number,
): tf.Tensor4D {
  const { shape } = x;
  const headDim = shape[3];
  const sameForTokens = gain.shape[1] === 1;
  const times = (y: tf.Tensor, matrix: tf.Tensor, transposed: boolean) =>
    tf.reshape(tf.matMul(asRows(y, headDim), matrix as tf.Tensor2D, false, transposed), shape);
  return withGradient<tf.Tensor4D>(
    [x, gain],
    (save) => {
      const plainInverse = inverseRms(x);
      const inverse = scale === 1 ? plainInverse : tf.mul(plainInverse, scale);
      const normed = tf.mul(x, inverse);
      const weighted = tf.mul(normed, gain) as tf.Tensor4D;
      if (!rotation) {
        save(normed, inverse, gain);
        return weighted;
      }
      const { cos, sin, turn } = rotation;
      save(normed, inverse, gain, cos, sin, turn);
      return tf.add(tf.mul(weighted, cos), tf.mul(times(weighted, turn, false), sin));
    },
    (dy, normed, inverse, savedGain, cosines, sines, back) => {
      const isRotated = cosines && sines && back;
      const dWeighted = isRotated ? tf.add(tf.mul(dy, cosines), times(tf.mul(dy, sines), back, true)) : dy;
      const alongNormed = tf.mul(dWeighted, normed!);
      // Over samples first: that sum runs along memory.
      const dGain = tf.sum(tf.sum(alongNormed, 0, true), sameForTokens ? [1, 2] : 2, true);
      const share = tf.mul(tf.mean(tf.mul(alongNormed, savedGain!), -1, true), 1 / scale ** 2);
      const dx = tf.mul(tf.sub(tf.mul(dWeighted, savedGain!), tf.mul(normed!, share)), inverse!);
      return [dx, dGain];
    },
  );
}

/** softmax(q·kᵀ + mask)·v. q [B, H, Nq, h], k and v [B, H, N, h]; the mask is additive, a constant, or null. */
export function softmaxAttention(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  mask: tf.Tensor4D | null,
): tf.Tensor4D {
  return withGradient<tf.Tensor4D>(
    [q, k, v],
    (save) => {
      const scores = tf.matMul(q, k, false, true);
      const shares = tf.softmax(mask ? tf.add(scores, mask) : scores);
      save(q, k, v, shares);
      return tf.matMul(shares, v) as tf.Tensor4D;
    },
    (dy, savedQ, savedK, savedV, shares) => {
      const weighted = tf.mul(tf.matMul(dy, savedV!, false, true), shares!);
      const dScores = tf.sub(weighted, tf.mul(shares!, tf.sum(weighted, -1, true)));
      return [tf.matMul(dScores, savedK!), tf.matMul(dScores, savedQ!, true), tf.matMul(shares!, dy, true)];
    },
  );
}
