/**
 * Joint attention of a dual-stream block: both streams' queries, keys and values as one sequence [text, image], RMS norms
 * with gains per stream where the block has any, rotary positions where the family has any, then each stream's share of the
 * result. Call inside tf.tidy.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { ModelConfig } from './architecture.ts';
import { normThenRotate, type Rotation } from './fused-gradients.ts';
import { attend, linear } from './layers.ts';
import type { PassContext, State } from './transformer.ts';
import type { WeightSet } from './weights.ts';

export interface JointContext extends PassContext {
  readonly imageTokens: number;
  readonly textTokens: number;
  /** Of [text, image] as one sequence, and of the image alone; null where nothing is rotated. */
  readonly jointRotation: Rotation | null;
  readonly imageRotation: Rotation | null;
  /** `streamMembership`. */
  readonly streams: tf.Tensor2D;
  /** Additive [B, 1, 1, Nt + Ni], or null. */
  readonly mask: tf.Tensor4D | null;
}

/** The streams of every family with joint attention. */
export interface JointState extends State {
  readonly image: tf.Tensor3D;
  readonly text: tf.Tensor3D;
}

/**
 * Modulated text of the last block with a text stream of its own, [B, Nt, D], beside the streams where later blocks attend to
 * projections of it. No model declares a stream of that name.
 */
export const CARRIED_TEXT = 'carried text';

/** image [B, Ni, D], text [B, Nt, D], normed and modulated → attention output per stream, before its projection. */
export function jointAttention(
  config: ModelConfig,
  block: WeightSet,
  image: tf.Tensor3D,
  text: tf.Tensor3D,
  context: JointContext,
  withText: boolean,
): { image: tf.Tensor3D; text: tf.Tensor3D | null } {
  const { numHeads, headDim, width } = config;
  const { batch, imageTokens, textTokens } = context;
  const heads = (x: tf.Tensor3D) => tf.reshape(x, [batch, -1, numHeads, headDim]) as tf.Tensor4D;
  const joined = (textName: string, imageName: string, both: boolean) => {
    const ofImage = linear(image, block.linear(`attn.${imageName}`));
    return heads(both ? tf.concat([linear(text, block.linear(`attn.${textName}`)), ofImage], 1) : ofImage);
  };
  const q = rotated(joined('add_q_proj', 'to_q', withText), block, 'q', context, withText, 1 / Math.sqrt(headDim));
  const k = rotated(joined('add_k_proj', 'to_k', true), block, 'k', context, true, 1);
  const v = joined('add_v_proj', 'to_v', true);
  const merged = mergedHeads(q, k, v, context.mask, width);
  if (!withText) return { image: merged, text: null };
  const [ofText, ofImage] = tf.split<tf.Tensor3D>(merged, [textTokens, imageTokens], 1);
  if (!ofText || !ofImage) throw new RangeError('Two parts were asked for');
  return { image: ofImage, text: ofText };
}

/** softmax(q·kᵀ + mask)·v with heads in the third place, [B, N, H, h] each → [B, N, D]. */
export function mergedHeads(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  mask: tf.Tensor4D | null,
  width: number,
): tf.Tensor3D {
  const perHead = (x: tf.Tensor4D) => tf.transpose(x, [0, 2, 1, 3]);
  const mixed = attend(perHead(q), perHead(k), perHead(v), mask);
  return tf.reshape(perHead(mixed), [q.shape[0], -1, width]) as tf.Tensor3D;
}

/** Attention of the image alone, without rotation: x [B, Ni, D], normed and modulated → [B, Ni, D] before its projection. */
export function selfAttention(
  { numHeads, headDim, width }: ModelConfig,
  block: WeightSet,
  name: string,
  x: tf.Tensor3D,
): tf.Tensor3D {
  const heads = (projection: string, norm: string | null, scale: number) => {
    const y = tf.reshape(linear(x, block.linear(`${name}.${projection}`)), [x.shape[0], -1, numHeads, headDim]);
    const isNormed = norm !== null && block.has(`${name}.${norm}.weight`);
    if (!isNormed) return scaled(y as tf.Tensor4D, scale);
    return normThenRotate(
      y as tf.Tensor4D,
      tf.reshape(block.vector(`${name}.${norm}`), [1, 1, 1, headDim]),
      null,
      scale,
    );
  };
  const q = heads('to_q', 'norm_q', 1 / Math.sqrt(headDim));
  return mergedHeads(q, heads('to_k', 'norm_k', 1), heads('to_v', null, 1), null, width);
}

function scaled(x: tf.Tensor4D, scale: number): tf.Tensor4D {
  return scale === 1 ? x : tf.mul(x, scale);
}

/** RMS norm with its stream's gain and rotation, each where there is one, and scale of x [B, N, H, h]. */
function rotated(
  x: tf.Tensor4D,
  block: WeightSet,
  which: 'q' | 'k',
  { jointRotation, imageRotation, streams }: JointContext,
  withText: boolean,
  scale: number,
): tf.Tensor4D {
  const [, tokens, , headDim] = x.shape;
  // No family rotates what it does not norm.
  if (!block.has(`attn.norm_${which}.weight`)) return scaled(x, scale);
  const ofImage = block.vector(`attn.norm_${which}`);
  if (!withText) return normThenRotate(x, tf.reshape(ofImage, [1, 1, 1, headDim]), imageRotation, scale);
  const gains = tf.matMul(streams, tf.stack([block.vector(`attn.norm_added_${which}`), ofImage]) as tf.Tensor2D);
  return normThenRotate(x, tf.reshape(gains, [1, tokens, 1, headDim]), jointRotation, scale);
}
