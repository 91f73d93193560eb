/**
 * The Qwen-Image family (diffusers' QwenImageTransformer2DModel, numerics of 0.37 and later): dual-stream blocks with
 * joint attention over [text, image], centred three-axis rotary positions, keys-only text mask. Not here: the edit and
 * layered variants, which config parsing refuses.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { ModelConfig } from './config.ts';
import { inverseRms } from './fused-gradients.ts';
import { checkInputs } from './inputs.ts';
import {
  applyProbe,
  feedForward,
  gatedResidual,
  linear,
  type Modulation,
  modulatedNorm,
  modulations,
} from './layers.ts';
import { jointAttention } from './qwen-attention.ts';
import { beginContext, disposeQwenContext, type QwenContext } from './qwen-context.ts';
import type { Route, RouteStep } from './route.ts';
import type { PassContext, State, Transformer, TransformerInputs } from './transformer.ts';
import type { WeightSet, WeightStore } from './weights.ts';

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
    runBlock: (index, state, context) => transformer.runStep({ kind: 'block', index }, state, context),
    async runStep(step, state, context, withText = true) {
      const block = step.kind === 'block' ? await weights.block(step.index) : null;
      const [image, text] = tf.tidy(() => {
        const next =
          step.kind === 'probe'
            ? {
                image: applyProbe(state.image, step.probe.image),
                text: applyProbe(state.text, withText ? step.probe.text : null),
              }
            : runBlock(config, block ?? weightsOf(step), state, contextOf(context), withText);
        return [tf.clone(next.image), tf.clone(next.text)];
      });
      return { image, text };
    },
    async readBlock(index) {
      return (await weights.block(index)).clone();
    },
    applyBlock: (block, state, context, withText) => runBlock(config, block, state, contextOf(context), withText),
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
      disposeQwenContext(contextOf(context));
      contexts.delete(context);
    },
    async forward(inputs, route = wholeRoute(config)) {
      const { state: first, context } = await transformer.begin(inputs);
      let state = first;
      const lastBlock = route.findLastIndex((step) => step.kind !== 'probe');
      try {
        for (const [position, step] of route.entries()) {
          const next = await transformer.runStep(step, state, context, position < lastBlock);
          tf.dispose([state.image, state.text]);
          state = next;
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

function weightsOf(step: RouteStep): WeightSet {
  if (step.kind !== 'student') throw new RangeError(`A step of the kind ${step.kind} has no weights of its own`);
  return step.weights;
}

function wholeRoute({ numBlocks }: ModelConfig): Route {
  return Array.from({ length: numBlocks }, (_, index) => ({ kind: 'block', index }));
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
