/**
 * AdamW (Loshchilov & Hutter, arXiv 1711.05101) with decoupled decay on matrices, clipping by the global norm, and an
 * exponential moving average of the weights; step for step what torch.optim.AdamW and clip_grad_norm_ compute.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { OptimizerSettings } from '../run/settings.ts';
import { adamStep, sumOfSquares } from '../tensor/optimizer-steps.ts';
import { type FlatParameters, matrixMask, type ParameterLayout, zerosLike } from './parameters.ts';
import { emaDecayAt } from './schedule.ts';

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
  readonly #decays: ReturnType<typeof matrixMask>;
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
    const { beta1, beta2, epsilon, weightDecay, clipNorm, ema, emaWarmup } = this.#settings;
    const { weights, firstMoment, secondMoment, average } = this.#vectors;
    const norm = globalNorm(gradients);
    const clipping =
      clipNorm === null ? null : tf.tidy(() => tf.minimum(tf.div(clipNorm, tf.add(norm, CLIP_EPSILON)), 1));
    const rates = { learningRate, beta1, beta2, epsilon, step };
    const next = gradients.map((raw, group) => {
      const weightsBefore = weights[group]!;
      const [decayed, gradient] = tf.tidy(() => [
        this.#decayed(weightsBefore, group, learningRate * weightDecay),
        clipping ? (tf.mul(raw, clipping) as tf.Tensor1D) : tf.clone(raw),
      ]) as [tf.Tensor1D, tf.Tensor1D];
      tf.dispose([weightsBefore, raw]);
      const vectors = { weights: decayed, firstMoment: firstMoment[group]!, secondMoment: secondMoment[group]! };
      const updated = adamStep(vectors, gradient, rates);
      gradient.dispose();
      return updated;
    });
    const decay = ema === null ? null : emaDecayAt({ ema, emaWarmup }, step);
    const nextAverage =
      average && decay !== null
        ? average.map((before, group) =>
            tf.tidy(() => tf.add(tf.mul(before, decay), tf.mul(next[group]!.weights, 1 - decay)) as tf.Tensor1D),
          )
        : null;
    if (average) tf.dispose([...average]);
    clipping?.dispose();
    this.#vectors = {
      weights: next.map((vectors) => vectors.weights),
      firstMoment: next.map((vectors) => vectors.firstMoment),
      secondMoment: next.map((vectors) => vectors.secondMoment),
      average: nextAverage,
    };
    return norm;
  }

  /** A vector of the caller's own. */
  #decayed(weights: tf.Tensor1D, group: number, rate: number): tf.Tensor1D {
    const mask = this.#decays[group];
    if (!mask || rate === 0) return tf.clone(weights);
    return tf.mul(weights, mask === 1 ? 1 - rate : tf.sub(1, tf.mul(mask, rate)));
  }

  dispose(): void {
    const { weights, firstMoment, secondMoment, average } = this.#vectors;
    tf.dispose([...weights, ...firstMoment, ...secondMoment, ...(average ?? [])]);
    for (const mask of this.#decays) if (typeof mask !== 'number') mask.dispose();
  }
}

/** Two by two: on WebGPU one `addN` takes seven tensors at most, and a full-width block has more groups. */
function globalNorm(vectors: FlatParameters): tf.Scalar {
  return tf.tidy(() => tf.sqrt(vectors.map(sumOfSquares).reduce((sum, square) => tf.add(sum, square))));
}
