/**
 * The layers that the MMDiT families share, as tensor functions: everything is differentiable, and avoids what an engine
 * does slowly (tanh, products with transposed operands, slices of few elements). Call inside tf.tidy.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { AffineMap } from './route.ts';

const EPSILON = 1e-6;

export interface LinearWeights {
  /** [in, out]: transposed against the checkpoint, as products are fastest untransposed. */
  readonly weight: tf.Tensor2D;
  /** [out] */
  readonly bias: tf.Tensor1D;
}

/** [..., in] → [..., out] */
export function linear<T extends tf.Tensor>(x: T, { weight, bias }: LinearWeights): T {
  const rows = tf.reshape(x, [-1, weight.shape[0]]) as tf.Tensor2D;
  const y = tf.fused.matMul({ a: rows, b: weight, bias });
  return tf.reshape(y, [...x.shape.slice(0, -1), weight.shape[1]]) as T;
}

/** x + x·weight + bias on [B, N, D], in a block's place; without a probe, x itself. */
export function applyProbe(x: tf.Tensor3D, probe: AffineMap | null): tf.Tensor3D {
  if (!probe) return x;
  const width = probe.bias.length;
  const map = { weight: tf.tensor2d(probe.weight, [width, width]), bias: tf.tensor1d(probe.bias) };
  return tf.add(x, linear(x, map));
}

export interface Modulation {
  /** Each [B, 1, D]. */
  readonly shift: tf.Tensor3D;
  readonly scale: tf.Tensor3D;
  readonly gate: tf.Tensor3D;
}

/** silu(temb) [B, D] → the modulations of attention and MLP. Order: shift, scale, gate of attention, then of the MLP. */
export function modulations(conditioning: tf.Tensor2D, weights: LinearWeights): [Modulation, Modulation] {
  const parts = tf.split(linear(conditioning, weights), 6, 1).map((part) => tf.expandDims(part, 1) as tf.Tensor3D);
  const [shift1, scale1, gate1, shift2, scale2, gate2] = parts;
  if (!shift1 || !scale1 || !gate1 || !shift2 || !scale2 || !gate2) throw new RangeError('Six parts were asked for');
  return [
    { shift: shift1, scale: scale1, gate: gate1 },
    { shift: shift2, scale: scale2, gate: gate2 },
  ];
}

/** LayerNorm without parameters, then ·(1 + scale) + shift. x [B, N, D]. */
export function modulatedNorm(x: tf.Tensor3D, { shift, scale }: Pick<Modulation, 'shift' | 'scale'>): tf.Tensor3D {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const inverse = inverseRms(centred);
  return tf.add(tf.mul(tf.mul(centred, inverse), tf.add(scale, 1)), shift);
}

/** 1/√(mean(x²) + ε) over the last dimension, kept as one. */
export function inverseRms(x: tf.Tensor): tf.Tensor {
  return tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), EPSILON));
}

export function silu<T extends tf.Tensor>(x: T): T {
  return tf.mul(x, tf.sigmoid(x));
}

/** Tanh-approximated GELU as x·σ(2u), u = √(2/π)(x + 0.044715x³): the same function without the slow tanh. */
export function gelu<T extends tf.Tensor>(x: T): T {
  const slope = 2 * Math.sqrt(2 / Math.PI);
  const twoU = tf.mul(x, tf.add(tf.mul(tf.square(x), slope * 0.044715), slope));
  return tf.mul(x, tf.sigmoid(twoU));
}

export function feedForward(x: tf.Tensor3D, up: LinearWeights, down: LinearWeights): tf.Tensor3D {
  return linear(gelu(linear(x, up)), down);
}

/** x + gate·update */
export function gatedResidual(x: tf.Tensor3D, gate: tf.Tensor3D, update: tf.Tensor3D): tf.Tensor3D {
  return tf.add(x, tf.mul(gate, update));
}

/** Attention scores of one product are kept below this; above it, samples and heads are taken in turn. */
const MAX_SCORE_BYTES = 256 * 1024 * 1024;

/**
 * softmax(q·k + mask)·v. q [B, H, Nq, h] is already scaled, k is transposed [B, H, h, N], v [B, H, N, h]; the mask is
 * additive [B, 1, 1, N] or null. → [B, H, Nq, h]
 */
export function attend(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  mask: tf.Tensor4D | null,
  maxScoreBytes = MAX_SCORE_BYTES,
): tf.Tensor4D {
  const [batch, heads, queries] = q.shape;
  const keys = v.shape[2];
  const scoreBytes = 4 * queries * keys;
  if (batch * heads * scoreBytes <= maxScoreBytes) return attendAtOnce(q, k, v, mask);
  const headsPerPart = Math.max(1, Math.min(heads, Math.floor(maxScoreBytes / scoreBytes)));
  const samples = Array.from({ length: batch }, (_, sample) => {
    const parts: tf.Tensor4D[] = [];
    for (let head = 0; head < heads; head += headsPerPart) {
      const count = Math.min(headsPerPart, heads - head);
      const part = (x: tf.Tensor4D) => tf.slice(x, [sample, head, 0, 0], [1, count, x.shape[2], x.shape[3]]);
      parts.push(
        tf.tidy(() =>
          attendAtOnce(part(q), part(k), part(v), mask && tf.slice(mask, [sample, 0, 0, 0], [1, 1, 1, keys])),
        ),
      );
    }
    return tf.concat(parts, 1);
  });
  return tf.concat(samples, 0);
}

function attendAtOnce(q: tf.Tensor4D, k: tf.Tensor4D, v: tf.Tensor4D, mask: tf.Tensor4D | null): tf.Tensor4D {
  const scores = tf.matMul(q, k);
  return tf.matMul(tf.softmax(mask ? tf.add(scores, mask) : scores), v);
}
