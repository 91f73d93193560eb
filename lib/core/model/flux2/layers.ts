/**
 * A dual-stream and a single-stream block of FLUX.2. Both are modulated by what the context holds: the layers that give it are
 * the same for all blocks, so it is computed once a forward. Call inside tf.tidy.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { BlockHalf, BlockSpec, StreamId } from '../architecture.ts';
import { projectedText, throughMap } from '../dual-block.ts';
import { normThenRotate } from '../fused-gradients.ts';
import { CARRIED_TEXT, type JointContext, type JointState, jointAttention, mergedHeads } from '../joint-attention.ts';
import { FFN_NAMES, HELD_TEXT } from '../joint-parts.ts';
import { gatedResidual, linear, type Modulation, modulatedNorm } from '../layers.ts';
import type { WeightSet } from '../weights.ts';
import type { Flux2Config } from './config.ts';
import { swiglu } from './swiglu.ts';

interface BlockModulation {
  readonly attention: Modulation;
  readonly mlp: Modulation;
}

export interface Flux2Context extends JointContext {
  /** silu(time embedding) [B, D], for the output's norm. */
  readonly conditioning: tf.Tensor2D;
  /** Of every dual-stream block. */
  readonly image: BlockModulation;
  readonly text: BlockModulation;
  /** Of every single-stream block. */
  readonly single: Modulation;
}

export function runDualBlock(
  config: Flux2Config,
  block: WeightSet,
  state: JointState,
  context: Flux2Context,
  updates: readonly StreamId[],
  without: BlockHalf | null,
  { carriesText = false }: Pick<BlockSpec, 'carriesText'> = {},
): JointState {
  const isHeld = block.has(`${HELD_TEXT.projector}.weight`);
  const withText = updates.includes('text');
  let { image, text } = state;
  const modulatedText =
    without === 'attention' && !carriesText
      ? null
      : isHeld
        ? projectedText(state, block, HELD_TEXT)
        : modulatedNorm(text, context.text.attention);
  if (without !== 'attention' && modulatedText) {
    const mixed = jointAttention(
      config,
      block,
      modulatedNorm(image, context.image.attention),
      modulatedText,
      context,
      withText && !isHeld,
    );
    image = gatedResidual(image, context.image.attention.gate, linear(mixed.image, block.linear('attn.to_out.0')));
    if (mixed.text) {
      text = gatedResidual(text, context.text.attention.gate, linear(mixed.text, block.linear('attn.to_add_out')));
    }
  }
  if (without !== 'ffn') {
    image = throughMlp(image, block, FFN_NAMES.image, context.image.mlp);
    if (withText && !isHeld) text = throughMlp(text, block, FFN_NAMES.text, context.text.mlp);
  }
  if (withText && isHeld) text = throughMap(text, block, HELD_TEXT.end) ?? text;
  if (isHeld) return { ...state, image, text };
  return carriesText && modulatedText ? { image, text, [CARRIED_TEXT]: modulatedText } : { image, text };
}

function throughMlp(
  x: tf.Tensor3D,
  block: WeightSet,
  { mlp: name, linearMlp }: { readonly mlp: string; readonly linearMlp: string },
  mlp: Modulation,
): tf.Tensor3D {
  const mapped = throughMap(x, block, linearMlp);
  if (mapped) return mapped;
  const hidden = swiglu(linear(modulatedNorm(x, mlp), block.linear(`${name}.linear_in`)));
  return gatedResidual(x, mlp.gate, linear(hidden, block.linear(`${name}.linear_out`)));
}

/**
 * Attention and MLP side by side on [text, image]: one layer gives queries, keys, values and the MLP's halves, another takes
 * both results. Without text, only the image's queries and MLP go on from the first.
 */
export function runSingleBlock(
  { numHeads, headDim, width, mlpDim }: Flux2Config,
  block: WeightSet,
  state: JointState,
  { batch, textTokens, imageTokens, single, jointRotation, imageRotation }: Flux2Context,
  updates: readonly StreamId[],
  without: BlockHalf | null,
): JointState {
  const withText = updates.includes('text');
  const whole = tf.concat([state.text, state.image], 1);
  const ofImage = (x: tf.Tensor3D) => tf.slice(x, [0, textTokens, 0], [batch, imageTokens, x.shape[2]]);
  const wanted = (x: tf.Tensor3D) => (withText ? x : ofImage(x));
  const [q, k, v, mlp] = tf.tidy(() =>
    tf.split<tf.Tensor3D>(
      linear(modulatedNorm(whole, single), block.linear('attn.to_qkv_mlp_proj')),
      [width, width, width, 2 * mlpDim],
      2,
    ),
  );
  if (!q || !k || !v || !mlp) throw new RangeError('Four parts were asked for');
  const heads = (x: tf.Tensor3D) => tf.reshape(x, [batch, -1, numHeads, headDim]) as tf.Tensor4D;
  const gain = (name: string) => tf.reshape(block.vector(`attn.${name}`), [1, 1, 1, headDim]) as tf.Tensor4D;
  const rotation = withText ? jointRotation : imageRotation;
  const attended = () =>
    mergedHeads(
      normThenRotate(heads(wanted(q)), gain('norm_q'), rotation, 1 / Math.sqrt(headDim)),
      normThenRotate(heads(k), gain('norm_k'), jointRotation, 1),
      heads(v),
      null,
      width,
    );
  const halves = [
    without === 'attention' ? tf.zerosLike(wanted(q)) : attended(),
    without === 'ffn' ? tf.zeros<tf.Rank.R3>([batch, wanted(q).shape[1], mlpDim]) : swiglu(wanted(mlp)),
  ];
  const update = linear(tf.concat(halves, 2), block.linear('attn.to_out'));
  const next = gatedResidual(withText ? whole : state.image, single.gate, update);
  if (!withText) return { image: next, text: state.text };
  const [text, image] = tf.split<tf.Tensor3D>(next, [textTokens, imageTokens], 1);
  if (!text || !image) throw new RangeError('Two parts were asked for');
  return { image, text };
}
