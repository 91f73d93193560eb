/**
 * The layers of a block with gradients written by hand. Differentiated operation by operation, a block's backward pass is
 * some nine hundred calls, most of them over tensors just read or about to be dropped; here each layer keeps the least that
 * its gradient needs and spends a dozen calls. Forwards are what they were: nothing depends on whether a gradient is taken.
 * Every gradient is compared with plain differentiation, on every engine (fused-gradients.test.ts).
 */
import * as tf from '@tensorflow/tfjs-core';
import { columnSums, sigmoidGradient } from '../tensor/tensorflow-library.ts';

const EPSILON = 1e-6;
/** tanh-GELU: u = √(2/π)(x + 0.044715x³), and ½(1 + tanh u) = σ(2u). */
const GELU_SLOPE = 2 * Math.sqrt(2 / Math.PI);
const GELU_CUBIC = GELU_SLOPE * 0.044715;

/**
 * `forward` computes the value and saves what `backward` needs; `backward` gets those in the same order and returns one
 * gradient per input. It must not reach for other tensors of the forward, which are gone by then.
 */
function withGradient<T extends tf.Tensor>(
  inputs: tf.Tensor[],
  forward: (save: (...tensors: tf.Tensor[]) => void) => T,
  backward: (dy: T, ...saved: tf.Tensor[]) => tf.Tensor[],
): T {
  const operation = tf.customGrad<T>((...args) => {
    const keep = args.at(-1);
    if (typeof keep !== 'function') throw new TypeError('TensorFlow.js gave nothing to save with');
    return {
      value: forward((...tensors) => keep(tensors)),
      gradFunc: (dy, saved) => tf.tidy(() => backward(dy, ...saved)),
    };
  });
  return operation(...inputs);
}

/** x·weight + bias: [..., in]·[in, out] + [out]. */
export function affine<T extends tf.Tensor>(x: T, weight: tf.Tensor2D, bias: tf.Tensor1D): T {
  const [inner, outer] = weight.shape;
  const { shape } = x;
  return withGradient<T>(
    [x, weight, bias],
    (save) => {
      const rows = asRows(x, inner);
      save(rows, weight);
      // TensorFlow has no product with a bias that could be called, and each of the reshapes around this one is a call.
      const y =
        tf.getBackend() === 'tensorflow'
          ? tf.add(tf.matMul(rows, weight), bias)
          : tf.fused.matMul({ a: rows, b: weight, bias });
      return tf.reshape(y, [...shape.slice(0, -1), outer]) as T;
    },
    (dy, rows, saved) => {
      const dRows = asRows(dy, outer);
      const dx = tf.matMul(dRows, saved as tf.Tensor2D, false, true);
      return [tf.reshape(dx, shape), tf.matMul(rows as tf.Tensor2D, dRows, true), columnSums(dRows)];
    },
  );
}

function asRows(x: tf.Tensor, width: number): tf.Tensor2D {
  return (x.rank === 2 ? x : tf.reshape(x, [-1, width])) as tf.Tensor2D;
}

/** LayerNorm without parameters, then ·(1 + scale) + shift. x [B, N, D]; shift, scale [B, 1, D]. */
export function normThenModulate(x: tf.Tensor3D, shift: tf.Tensor3D, scale: tf.Tensor3D): tf.Tensor3D {
  return withGradient<tf.Tensor3D>(
    [x, shift, scale],
    (save) => {
      const centred = tf.sub(x, tf.mean(x, -1, true));
      const inverse = inverseRms(centred);
      const normed = tf.mul(centred, inverse);
      save(normed, inverse, scale);
      return tf.add(tf.mul(normed, tf.add(scale, 1)), shift);
    },
    (dy, normed, inverse, saved) => {
      const weighted = tf.mul(dy, normed!);
      const gain = tf.add(saved!, 1);
      const dNormed = tf.mul(dy, gain);
      const alongNormed = tf.mean(tf.mul(weighted, gain), -1, true);
      const across = tf.sub(tf.sub(dNormed, tf.mean(dNormed, -1, true)), tf.mul(normed!, alongNormed));
      return [tf.mul(across, inverse!), tf.sum(dy, 1, true), tf.sum(weighted, 1, true)];
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

/**
 * RMS norm times `scale`, then the rotary rotation n∘cos + (n·rotate)∘sin. x [B, N, H, h]; cos, sin [N, h], with the norm's
 * gain in them; `rotate` [h, h] is a constant.
 */
export function normThenRotate(
  x: tf.Tensor4D,
  cos: tf.Tensor2D,
  sin: tf.Tensor2D,
  rotate: tf.Tensor2D,
  scale: number,
): tf.Tensor4D {
  const { shape } = x;
  const [, tokens, , headDim] = shape;
  const overHeads = (table: tf.Tensor) => tf.reshape(table, [1, tokens, 1, headDim]);
  const times = (y: tf.Tensor, matrix: tf.Tensor2D, transposed: boolean) =>
    tf.reshape(tf.matMul(asRows(y, headDim), matrix, false, transposed), shape);
  return withGradient<tf.Tensor4D>(
    [x, cos, sin],
    (save) => {
      const plainInverse = inverseRms(x);
      const inverse = scale === 1 ? plainInverse : tf.mul(plainInverse, scale);
      const normed = tf.mul(x, inverse);
      const turned = times(normed, rotate, false);
      const [cosines, sines] = [overHeads(cos), overHeads(sin)];
      save(normed, turned, inverse, cosines, sines, rotate);
      return tf.add(tf.mul(normed, cosines), tf.mul(turned, sines));
    },
    (dy, normed, turned, inverse, cosines, sines, back) => {
      const dNormed = tf.add(tf.mul(dy, cosines!), times(tf.mul(dy, sines!), back as tf.Tensor2D, true));
      const alongNormed = tf.mul(tf.mean(tf.mul(dNormed, normed!), -1, true), 1 / scale ** 2);
      const dx = tf.mul(tf.sub(dNormed, tf.mul(normed!, alongNormed)), inverse!);
      // Over samples first: that sum runs along memory.
      const overSamplesAndHeads = (y: tf.Tensor) => tf.sum(tf.sum(y, 0), 1);
      return [dx, overSamplesAndHeads(tf.mul(dy, normed!)), overSamplesAndHeads(tf.mul(dy, turned!))];
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
