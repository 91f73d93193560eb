/**
 * What a student is trained on (PPCL, section 3.3): how far its state after the interval is from the teacher's, per stream,
 * over valid tokens. The paper's loss compares directions alone; `lib/core/run/settings.ts` has all four in formulas.
 * Differentiable in the student's state; call inside tf.tidy or a gradient.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { DistilLoss } from '../run/settings.ts';
import { withGradient } from '../tensor/with-gradient.ts';

export interface LossSettings {
  readonly loss: DistilLoss;
  readonly magnitudeWeight: number;
}

/** Keeps the direction of a state that is all zeros finite; far below the square of any state's norm. */
const SMALLEST_SQUARE = 1e-24;

/**
 * `student` and `teacher` [B, N, D]; `weights` [B, N] sums to 1 and is 0 at padded tokens, null weighs all tokens alike.
 * → scalar
 */
export function streamLoss(
  student: tf.Tensor3D,
  teacher: tf.Tensor3D,
  weights: tf.Tensor2D | null,
  { loss, magnitudeWeight }: LossSettings,
): tf.Scalar {
  return tf.tidy(() => overTokens(perToken(student, teacher, loss, magnitudeWeight), weights));
}

/** Weights of a batch's tokens of one stream for `streamLoss`: 1/n at the n valid ones; null when every token is valid. */
export function tokenWeights(mask: Uint8Array | null, batch: number, tokens: number): tf.Tensor2D | null {
  if (!mask || mask.every(Boolean)) return null;
  const valid = mask.reduce((sum, m) => sum + (m ? 1 : 0), 0);
  return tf.tensor2d(
    Float32Array.from(mask, (m) => (m ? 1 / valid : 0)),
    [batch, tokens],
  );
}

/** [B, N, 1] */
function perToken(student: tf.Tensor3D, teacher: tf.Tensor3D, loss: DistilLoss, magnitudeWeight: number): tf.Tensor {
  switch (loss) {
    case 'mse':
      return tf.mean(tf.squaredDifference(student, teacher), -1, true);
    case 'direction':
      return directionError(student, teacher, 0);
    case 'direction-l1':
      return tf.sum(tf.abs(tf.sub(direction(student), direction(teacher))), -1, true);
    case 'direction-magnitude':
      return directionError(student, teacher, magnitudeWeight);
  }
}

/**
 * ‖ŝ − t̂‖² + λ(ln ‖s‖ − ln ‖t‖)² of each token, s the student's state, ŝ = s/‖s‖, [B, N, 1]. The gradient in s is
 * 2/‖s‖ · (d + ŝ·(λ·ln(‖s‖/‖t‖) − ŝ·d)) with d = ŝ − t̂; by operations it takes five times as many passes over the states.
 */
function directionError(student: tf.Tensor3D, teacher: tf.Tensor3D, magnitudeWeight: number): tf.Tensor {
  return withGradient<tf.Tensor>(
    [student],
    (save) => {
      const [square, squareOfTeacher] = [squaredNorm(student), squaredNorm(teacher)];
      const inverse = tf.rsqrt(square);
      const unit = tf.mul(student, inverse);
      const difference = tf.sub(unit, tf.mul(teacher, tf.rsqrt(squareOfTeacher)));
      const directions = tf.sum(tf.square(difference), -1, true);
      // ln ‖x‖ = ½ ln ‖x‖²
      const logRatio = tf.mul(tf.sub(tf.log(square), tf.log(squareOfTeacher)), 0.5);
      save(unit, difference, inverse, logRatio);
      return magnitudeWeight === 0 ? directions : tf.add(directions, tf.mul(tf.square(logRatio), magnitudeWeight));
    },
    (dy, unit, difference, inverse, logRatio) => {
      const along = tf.sum(tf.mul(unit!, difference!), -1, true);
      const share = tf.sub(tf.mul(logRatio!, magnitudeWeight), along);
      const scale = tf.mul(tf.mul(inverse!, dy), 2);
      return [tf.mul(tf.add(difference!, tf.mul(unit!, share)), scale)];
    },
  );
}

function direction(x: tf.Tensor3D): tf.Tensor3D {
  return tf.mul(x, tf.rsqrt(squaredNorm(x)));
}

function squaredNorm(x: tf.Tensor3D): tf.Tensor {
  return tf.maximum(tf.sum(tf.square(x), -1, true), SMALLEST_SQUARE);
}

function overTokens(values: tf.Tensor, weights: tf.Tensor2D | null): tf.Scalar {
  if (!weights) return tf.mean(values);
  return tf.sum(tf.mul(tf.reshape(values, weights.shape), weights));
}

/** The fine-tune's: mean over image tokens and features of (v̂ − v)², outputs [B, Ni, F]. → scalar */
export function velocityLoss(student: tf.Tensor3D, teacher: tf.Tensor3D): tf.Scalar {
  return tf.mean(tf.squaredDifference(student, teacher));
}
