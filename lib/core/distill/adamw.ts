/**
 * AdamW (Loshchilov & Hutter, arXiv 1711.05101) with decoupled decay on matrices, clipping by the global norm, and an
 * exponential moving average of the weights; step for step what torch.optim.AdamW and clip_grad_norm_ compute.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { OptimizerSettings } from '../run/settings.ts';
import { type FlatParameters, matrixMask, type ParameterLayout, zerosLike } from './parameters.ts';

/** torch.nn.utils.clip_grad_norm_ divides by the norm plus this. */
const CLIP_EPSILON = 1e-6;

/** Vectors by group. Whoever holds the optimizer owns them; a step replaces them. */
export interface OptimizerVectors {
  weights: FlatParameters;
  firstMoment: FlatParameters;
  secondMoment: FlatParameters;
  /** Moving average of the weights, or null when none is kept. */
  average: FlatParameters | null;
}

export class AdamW {
  #vectors: OptimizerVectors;
  readonly #decays: FlatParameters;
  readonly #settings: OptimizerSettings;

  /** Takes the vectors over. */
  constructor(vectors: OptimizerVectors, layout: ParameterLayout, settings: OptimizerSettings) {
    this.#vectors = vectors;
    this.#settings = settings;
    this.#decays = matrixMask(layout);
  }

  /** Takes the weights over. */
  static startingAt(weights: FlatParameters, layout: ParameterLayout, settings: OptimizerSettings): AdamW {
    const average = settings.ema === null ? null : weights.map((vector) => tf.clone(vector));
    const vectors = { weights, firstMoment: zerosLike(weights), secondMoment: zerosLike(weights), average };
    return new AdamW(vectors, layout, settings);
  }

  /** Still the optimizer's own. */
  get vectors(): Readonly<OptimizerVectors> {
    return this.#vectors;
  }

  /** What the run leaves: the average where one is kept, else the weights as they are. Still the optimizer's own. */
  get result(): FlatParameters {
    return this.#vectors.average ?? this.#vectors.weights;
  }

  /** `step` counts from 1. The gradients are consumed. Returns their global norm before clipping, a scalar of the caller's own. */
  step(gradients: FlatParameters, step: number, learningRate: number): tf.Scalar {
    const { beta1, beta2, epsilon, weightDecay, clipNorm, ema } = this.#settings;
    const { weights, firstMoment, secondMoment, average } = this.#vectors;
    const norm = globalNorm(gradients);
    const clipping =
      clipNorm === null ? null : tf.tidy(() => tf.minimum(tf.div(clipNorm, tf.add(norm, CLIP_EPSILON)), 1));
    const correction1 = 1 - beta1 ** step;
    const correction2 = Math.sqrt(1 - beta2 ** step);
    const next = gradients.map((raw, group) =>
      tf.tidy(() => {
        const gradient = clipping ? tf.mul(raw, clipping) : raw;
        const m = tf.add(tf.mul(firstMoment[group]!, beta1), tf.mul(gradient, 1 - beta1)) as tf.Tensor1D;
        const v = tf.add(tf.mul(secondMoment[group]!, beta2), tf.mul(tf.square(gradient), 1 - beta2)) as tf.Tensor1D;
        const kept = tf.sub(1, tf.mul(this.#decays[group]!, learningRate * weightDecay));
        const update = tf.div(m, tf.add(tf.div(tf.sqrt(v), correction2), epsilon));
        const w = tf.sub(tf.mul(weights[group]!, kept), tf.mul(update, learningRate / correction1)) as tf.Tensor1D;
        const a =
          average && ema !== null ? [tf.add(tf.mul(average[group]!, ema), tf.mul(w, 1 - ema)) as tf.Tensor1D] : [];
        return { m, v, w, a };
      }),
    );
    tf.dispose([...gradients, ...weights, ...firstMoment, ...secondMoment, ...(average ?? [])]);
    clipping?.dispose();
    this.#vectors = {
      weights: next.map(({ w }) => w),
      firstMoment: next.map(({ m }) => m),
      secondMoment: next.map(({ v }) => v),
      average: average && next.flatMap(({ a }) => a),
    };
    return norm;
  }

  dispose(): void {
    const { weights, firstMoment, secondMoment, average } = this.#vectors;
    tf.dispose([...weights, ...firstMoment, ...secondMoment, ...(average ?? []), ...this.#decays]);
  }
}

function globalNorm(vectors: FlatParameters): tf.Scalar {
  return tf.tidy(() => tf.sqrt(tf.addN(vectors.map((vector) => total(tf.square(vector)))))) as tf.Scalar;
}

/** Elements that wasm adds up one after another in float32: over a whole vector of 2²⁴ that loses 1.4 % of a norm. */
const ROW = 4096;

function total(vector: tf.Tensor1D): tf.Scalar {
  const rows = Math.floor(vector.size / ROW);
  const rest = tf.sum(tf.slice(vector, rows * ROW)) as tf.Scalar;
  if (rows === 0) return rest;
  const byRow = tf.sum(tf.reshape(tf.slice(vector, 0, rows * ROW), [rows, ROW]), 1);
  return tf.add(tf.sum(byRow), rest);
}
