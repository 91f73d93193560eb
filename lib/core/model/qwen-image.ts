/**
 * The Qwen-Image family (diffusers' QwenImageTransformer2DModel, numerics of 0.37 and later): dual-stream blocks with
 * joint attention over [text, image], centred three-axis rotary positions, keys-only text mask. Not here: the edit and
 * layered variants, which config parsing refuses.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { ModelConfig } from './config.ts';
import { checkInputs } from './inputs.ts';
import {
  attend,
  feedForward,
  gatedResidual,
  inverseRms,
  linear,
  type Modulation,
  modulatedNorm,
  modulations,
  silu,
} from './layers.ts';
import { imageRotary, pairSwap, textRotary, timeFeatures } from './rotary.ts';
import type { AffineMap, Route } from './route.ts';
import type { PassContext, State, Transformer, TransformerInputs } from './transformer.ts';
import type { WeightSet, WeightStore } from './weights.ts';

/** Added to the score of a masked key; far below any score, and finite so that no engine makes NaN of it. */
const MASKED_SCORE = -1e9;

interface StreamRotary {
  /** [N, h] */
  readonly cos: tf.Tensor2D;
  readonly sin: tf.Tensor2D;
}

interface QwenContext extends PassContext {
  /** silu(time embedding) [B, D] */
  readonly conditioning: tf.Tensor2D;
  readonly imageRotary: StreamRotary;
  readonly textRotary: StreamRotary;
  /** Signed and unsigned swap of rotary pairs [h, h]. */
  readonly rotate: tf.Tensor2D;
  readonly swap: tf.Tensor2D;
  /** Additive [B, 1, 1, Nt + Ni], or null. */
  readonly mask: tf.Tensor4D | null;
}

export async function openQwenImage(config: ModelConfig, weights: WeightStore): Promise<Transformer> {
  const globals = await weights.globals();
  const contexts = new WeakMap<PassContext, QwenContext>();
  const contextOf = (context: PassContext): QwenContext => {
    const found = contexts.get(context);
    if (!found) throw new RangeError('This context is not of this transformer, or was disposed');
    return found;
  };

  const transformer: Transformer = {
    config,
    async begin(inputs) {
      checkInputs(inputs, config);
      const context = beginContext(inputs, config, globals);
      contexts.set(context, context);
      return { state: embed(inputs, config, globals), context };
    },
    async loadBlock(index) {
      await weights.block(index);
    },
    async runBlock(index, state, context) {
      const block = await weights.block(index);
      const [image, text] = tf.tidy(() => {
        const next = runBlock(config, block, state, contextOf(context), true);
        return [next.image, next.text];
      });
      return { image, text };
    },
    project(state, context) {
      const { conditioning } = contextOf(context);
      return tf.tidy(() => {
        // Continuous norm: scale first, then shift, unlike the blocks.
        const [scale, shift] = tf.split(linear(conditioning, globals.linear('norm_out.linear')), 2, 1);
        if (!scale || !shift) throw new RangeError('Two parts were asked for');
        const modulation = {
          scale: tf.expandDims(scale, 1) as tf.Tensor3D,
          shift: tf.expandDims(shift, 1) as tf.Tensor3D,
        };
        return linear(modulatedNorm(state.image, modulation), globals.linear('proj_out'));
      });
    },
    disposeContext(context) {
      const { conditioning, imageRotary, textRotary, rotate, swap, mask } = contextOf(context);
      tf.dispose([conditioning, imageRotary.cos, imageRotary.sin, textRotary.cos, textRotary.sin, rotate, swap]);
      mask?.dispose();
      contexts.delete(context);
    },
    async forward(inputs, route = wholeRoute(config)) {
      const { state: first, context } = await transformer.begin(inputs);
      let state = first;
      const lastBlock = route.findLastIndex((step) => step.kind === 'block');
      try {
        for (const [position, step] of route.entries()) {
          const withText = position < lastBlock;
          const block = step.kind === 'block' ? await weights.block(step.index) : null;
          const [image, text] = tf.tidy(() => {
            const next =
              step.kind === 'block' && block
                ? runBlock(config, block, state, contextOf(context), withText)
                : step.kind === 'probe'
                  ? {
                      image: applyProbe(state.image, step.probe.image),
                      text: applyProbe(state.text, withText ? step.probe.text : null),
                    }
                  : state;
            return [tf.clone(next.image), tf.clone(next.text)];
          });
          tf.dispose([state.image, state.text]);
          state = { image, text };
        }
        const output = transformer.project(state, context);
        try {
          return Float32Array.from(await output.data());
        } finally {
          output.dispose();
        }
      } finally {
        tf.dispose([state.image, state.text]);
        transformer.disposeContext(context);
      }
    },
    dispose() {
      weights.dispose();
    },
  };
  return transformer;
}

function wholeRoute({ numBlocks }: ModelConfig): Route {
  return Array.from({ length: numBlocks }, (_, index) => ({ kind: 'block', index }));
}

function beginContext(inputs: TransformerInputs, config: ModelConfig, globals: WeightSet): QwenContext {
  const { batch, imageTokens, textTokens, imageShapes } = inputs;
  const { headDim, ropeAxes } = config;
  const rotary = (tables: { cos: Float32Array; sin: Float32Array }, tokens: number): StreamRotary => ({
    cos: tf.tensor2d(tables.cos, [tokens, headDim]),
    sin: tf.tensor2d(tables.sin, [tokens, headDim]),
  });
  const conditioning = tf.tidy(() => {
    const features = timeFeatures(inputs.timestep);
    const sinusoid = tf.tensor2d(features, [batch, features.length / batch]);
    const hidden = silu(linear(sinusoid, globals.linear('time_text_embed.timestep_embedder.linear_1')));
    return silu(linear(hidden, globals.linear('time_text_embed.timestep_embedder.linear_2')));
  });
  return {
    batch,
    imageTokens,
    textTokens,
    conditioning,
    imageRotary: rotary(imageRotary(imageShapes, ropeAxes), imageTokens),
    textRotary: rotary(textRotary(textTokens, imageShapes, ropeAxes), textTokens),
    rotate: tf.tensor2d(pairSwap(headDim, true), [headDim, headDim]),
    swap: tf.tensor2d(pairSwap(headDim, false), [headDim, headDim]),
    mask: additiveMask(inputs),
  };
}

function additiveMask({ batch, imageTokens, textTokens, mask }: TransformerInputs): tf.Tensor4D | null {
  if (!mask || mask.every(Boolean)) return null;
  const tokens = textTokens + imageTokens;
  const scores = new Float32Array(batch * tokens);
  mask.forEach((valid, i) => {
    if (!valid) scores[Math.floor(i / textTokens) * tokens + (i % textTokens)] = MASKED_SCORE;
  });
  return tf.tensor4d(scores, [batch, 1, 1, tokens]);
}

function embed(inputs: TransformerInputs, config: ModelConfig, globals: WeightSet): State {
  const { batch, imageTokens, textTokens } = inputs;
  const [image, text] = tf.tidy(() => {
    const hidden = tf.tensor3d(inputs.hiddenStates, [batch, imageTokens, config.inChannels]);
    const prompt = tf.tensor3d(inputs.encoderHiddenStates, [batch, textTokens, config.textDim]);
    const normed = tf.mul(tf.mul(prompt, inverseRms(prompt)), globals.vector('txt_norm')) as tf.Tensor3D;
    return [linear(hidden, globals.linear('img_in')), linear(normed, globals.linear('txt_in'))];
  });
  return { image, text };
}

/** Call inside tf.tidy. Without text only what the image stream needs is computed, and `text` is returned as it came. */
function runBlock(config: ModelConfig, block: WeightSet, state: State, context: QwenContext, withText: boolean): State {
  const [imageAttention, imageMlp] = modulations(context.conditioning, block.linear('img_mod.1'));
  const [textAttention, textMlp] = modulations(context.conditioning, block.linear('txt_mod.1'));
  const mixed = jointAttention(
    config,
    block,
    modulatedNorm(state.image, imageAttention),
    modulatedNorm(state.text, textAttention),
    context,
    withText,
  );
  return {
    image: finishStream(state.image, mixed.image, block, imageAttention, imageMlp, 'attn.to_out.0', 'img_mlp'),
    text: mixed.text
      ? finishStream(state.text, mixed.text, block, textAttention, textMlp, 'attn.to_add_out', 'txt_mlp')
      : state.text,
  };
}

function finishStream(
  x: tf.Tensor3D,
  mixed: tf.Tensor3D,
  block: WeightSet,
  attention: Modulation,
  mlp: Modulation,
  output: string,
  mlpName: string,
): tf.Tensor3D {
  const attended = gatedResidual(x, attention.gate, linear(mixed, block.linear(output)));
  const update = feedForward(
    modulatedNorm(attended, mlp),
    block.linear(`${mlpName}.net.0.proj`),
    block.linear(`${mlpName}.net.2`),
  );
  return gatedResidual(attended, mlp.gate, update);
}

/** image [B, Ni, D], text [B, Nt, D], normed and modulated → attention output per stream, before its projection. */
function jointAttention(
  config: ModelConfig,
  block: WeightSet,
  image: tf.Tensor3D,
  text: tf.Tensor3D,
  context: QwenContext,
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
  const mixed = attend(
    tf.transpose(q, [0, 2, 1, 3]),
    tf.transpose(k, [0, 2, 3, 1]),
    tf.transpose(v, [0, 2, 1, 3]),
    context.mask,
  );
  const merged = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch, -1, width]) as tf.Tensor3D;
  if (!withText) return { image: merged, text: null };
  return {
    image: tf.slice(merged, [0, textTokens, 0], [batch, imageTokens, width]),
    text: tf.slice(merged, [0, 0, 0], [batch, textTokens, width]),
  };
}

/**
 * RMS norm with its gain, rotation and scale of x [B, N, H, h] in one go: the norm is a factor per head and token, so it
 * can come last, and the gain goes into the rotary tables, x∘(g∘cos) + (x·P)∘(swap(g)∘sin).
 */
function rotated(
  x: tf.Tensor4D,
  block: WeightSet,
  which: 'q' | 'k',
  context: QwenContext,
  withText: boolean,
  scale: number,
): tf.Tensor4D {
  const [, tokens, , headDim] = x.shape;
  const table = (gain: tf.Tensor1D, { cos, sin }: StreamRotary) => {
    const swapped = tf.matMul(tf.reshape(gain, [1, headDim]) as tf.Tensor2D, context.swap);
    return { cos: tf.mul(cos, gain) as tf.Tensor2D, sin: tf.mul(sin, swapped) as tf.Tensor2D };
  };
  const ofImage = table(block.vector(`attn.norm_${which}`), context.imageRotary);
  const ofText = withText ? table(block.vector(`attn.norm_added_${which}`), context.textRotary) : null;
  const joined = (part: 'cos' | 'sin') =>
    tf.reshape(ofText ? tf.concat([ofText[part], ofImage[part]], 0) : ofImage[part], [1, tokens, 1, headDim]);
  const turned = tf.reshape(tf.matMul(tf.reshape(x, [-1, headDim]) as tf.Tensor2D, context.rotate), x.shape);
  const summed = tf.add(tf.mul(x, joined('cos')), tf.mul(turned, joined('sin')));
  const inverse = inverseRms(x);
  return tf.mul(summed, scale === 1 ? inverse : tf.mul(inverse, scale));
}

function applyProbe(x: tf.Tensor3D, probe: AffineMap | null): tf.Tensor3D {
  if (!probe) return x;
  const width = probe.bias.length;
  const map = { weight: tf.tensor2d(probe.weight, [width, width]), bias: tf.tensor1d(probe.bias) };
  return tf.add(x, linear(x, map));
}
