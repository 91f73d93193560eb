/**
 * The layers that the MMDiT families share, as tensor functions: everything is differentiable, and avoids what an engine
 * does slowly (tanh, products with transposed operands, slices of few elements). Call inside tf.tidy.
 */
import * as tf from '@tensorflow/tfjs-core';
import { affine, gelu, normThenModulate, softmaxAttention } from './fused-gradients.ts';
import type { AffineMap } from './route.ts';
import type { LinearWeights } from './weights.ts';

/** [..., in] → [..., out] */
export function linear<T extends tf.Tensor>(x: T, { weight, bias, asStored }: LinearWeights): T {
  return affine(x, weight, bias, asStored);
}

/** The probe's map of [B, N, D], in a block's place; without a probe, x itself. */
export function applyProbe(x: tf.Tensor3D, probe: AffineMap | null): tf.Tensor3D {
  if (!probe) return x;
  const width = probe.bias.length;
  const bias = tf.tensor1d(probe.bias);
  if ('weight' in probe) return tf.add(x, linear(x, { weight: tf.tensor2d(probe.weight, [width, width]), bias }));
  const rank = probe.right.length / width;
  const inner = linear(x, { weight: tf.tensor2d(probe.left, [width, rank]), bias: null });
  return tf.add(x, linear(inner, { weight: tf.tensor2d(probe.right, [rank, width]), bias }));
}

/** Features that the layer gives. */
export function outputsOf({ weight, asStored }: LinearWeights): number {
  return weight.shape[asStored ? 0 : 1];
}

export interface Modulation {
  /** Each [B, 1, D], or [B, N, D] where tokens differ (token-times.ts). */
  readonly shift: tf.Tensor3D;
  readonly scale: tf.Tensor3D;
  readonly gate: tf.Tensor3D;
}

/** silu(temb) [B, D] → the modulations of attention and MLP. Order: shift, scale, gate of attention, then of the MLP. */
export function modulations(conditioning: tf.Tensor2D, weights: LinearWeights): [Modulation, Modulation] {
  const [attention, mlp] = modulationTriples(conditioning, weights);
  if (!attention || !mlp) throw new RangeError('Six parts were asked for');
  return [attention, mlp];
}

/** silu(temb) [B, D] → the one modulation of a single-stream block: shift, scale, gate. */
export function singleModulation(conditioning: tf.Tensor2D, weights: LinearWeights): Modulation {
  const [only] = modulationTriples(conditioning, weights);
  if (!only) throw new RangeError('Three parts were asked for');
  return only;
}

/**
 * silu(temb) [B, D] → as many triples of shift, scale, gate as the layer gives. Where blocks share their modulation, the layer reads
 * something narrower, and `width` is D.
 */
export function modulationTriples(
  conditioning: tf.Tensor2D,
  weights: LinearWeights,
  width = conditioning.shape[1],
): Modulation[] {
  const [batch] = conditioning.shape;
  const parts = outputsOf(weights) / width;
  const together = tf.reshape(linear(conditioning, weights), [batch, parts, width]) as tf.Tensor3D;
  return triplesOf(tf.split<tf.Tensor3D>(together, parts, 1));
}

/** Shift, scale and gate by threes. */
export function triplesOf(split: readonly tf.Tensor3D[]): Modulation[] {
  return Array.from({ length: split.length / 3 }, (_, i) => {
    const [shift, scale, gate] = split.slice(3 * i);
    if (!shift || !scale || !gate) throw new RangeError('Three parts were asked for');
    return { shift, scale, gate };
  });
}

/** LayerNorm without parameters, then ·(1 + scale) + shift. x [B, N, D]. */
export function modulatedNorm(x: tf.Tensor3D, { shift, scale }: Pick<Modulation, 'shift' | 'scale'>): tf.Tensor3D {
  return normThenModulate(x, shift, scale);
}

export function silu<T extends tf.Tensor>(x: T): T {
  return tf.mul(x, tf.sigmoid(x));
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
 * softmax(q·kᵀ + mask)·v. q [B, H, Nq, h] is already scaled, k and v are [B, H, N, h]; the mask is additive [B, 1, 1, N] or
 * null. → [B, H, Nq, h]
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
  if (batch * heads * scoreBytes <= maxScoreBytes) return softmaxAttention(q, k, v, mask);
  const headsPerPart = Math.max(1, Math.min(heads, Math.floor(maxScoreBytes / scoreBytes)));
  const samples = Array.from({ length: batch }, (_, sample) => {
    const parts: tf.Tensor4D[] = [];
    for (let head = 0; head < heads; head += headsPerPart) {
      const count = Math.min(headsPerPart, heads - head);
      const part = (x: tf.Tensor4D) => tf.slice(x, [sample, head, 0, 0], [1, count, x.shape[2], x.shape[3]]);
      parts.push(
        tf.tidy(() =>
          softmaxAttention(part(q), part(k), part(v), mask && tf.slice(mask, [sample, 0, 0, 0], [1, 1, 1, keys])),
        ),
      );
    }
    return tf.concat(parts, 1);
  });
  return tf.concat(samples, 0);
}

/** The output layer of every family here. image [B, Ni, D] → [B, Ni, p²·out] */
export function projectOutput(image: tf.Tensor3D, conditioning: tf.Tensor2D, globals: OutputWeights): tf.Tensor3D {
  return linear(continuousNorm(image, conditioning, globals.linear('norm_out.linear')), globals.linear('proj_out'));
}

/** diffusers' AdaLayerNormContinuous: the layer gives scale, then shift, unlike the blocks' modulations. x [B, N, D]. */
export function continuousNorm(x: tf.Tensor3D, conditioning: tf.Tensor2D, weights: LinearWeights): tf.Tensor3D {
  const [scale, shift] = tf.split(linear(conditioning, weights), 2, 1);
  if (!scale || !shift) throw new RangeError('Two parts were asked for');
  return modulatedNorm(x, {
    scale: tf.expandDims(scale, 1) as tf.Tensor3D,
    shift: tf.expandDims(shift, 1) as tf.Tensor3D,
  });
}

interface OutputWeights {
  linear(name: string): LinearWeights;
}
