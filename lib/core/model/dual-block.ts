/**
 * A dual-stream MMDiT block: each stream is modulated, both attend as one sequence, and each stream's result and MLP are added
 * under gates. Qwen-Image and FLUX.1 differ in the tensors' names alone; FLUX.2 and SD3 take the parts of it that narrower blocks share.
 * Call inside tf.tidy.
 */
import * as tf from '@tensorflow/tfjs-core';
import { ContiguaError } from '../errors.ts';
import type { BlockHalf, BlockSpec, ModelConfig, StreamId, TextPart } from './architecture.ts';
import { CARRIED_TEXT, type JointContext, type JointState, jointAttention } from './joint-attention.ts';
import { feedForward, gatedResidual, linear, type Modulation, modulatedNorm, modulationTriples } from './layers.ts';
import { type TokenTimes, tokenModulations } from './token-times.ts';
import type { WeightSet } from './weights.ts';

/** Names of one stream's layers. */
export interface StreamLayers {
  readonly modulation: string;
  readonly out: string;
  readonly mlp: string;
  /** A linear map in the place of the MLP; left out where no block of the family has one. */
  readonly linearMlp?: string;
}

/** Names of what a block with a held text stream has in place of the stream's own layers. */
export type HeldText = Pick<TextPart, 'projector' | 'end'>;

export interface DualLayers {
  readonly image: StreamLayers;
  readonly text: StreamLayers;
  /** Left out where no block of the family holds its text. */
  readonly held?: HeldText;
}

/** What modulation matrices read. */
export interface Conditioning {
  /** silu(time embedding) [B, D]; of shared modulations (shared-modulation.ts) what they read of it, [B, rank] or [B, timesteps]. */
  readonly conditioning: tf.Tensor2D;
  /** Where image tokens are at different times, in place of `conditioning`. */
  readonly imageTimes?: TokenTimes | null;
}

export interface DualContext extends JointContext, Conditioning {
  /** By place among the model's shared modulations; left out where there are none. */
  readonly shared?: readonly Conditioning[];
}

/** Which layers a block has, its weights say: a student in a block's place may be narrower than the block. */
export function runDualBlock(
  config: ModelConfig,
  names: DualLayers,
  block: WeightSet,
  state: JointState,
  context: DualContext,
  updates: readonly StreamId[],
  without: BlockHalf | null,
  { carriesText = false, modulatedBy }: Pick<BlockSpec, 'carriesText' | 'modulatedBy'> = {},
): JointState {
  const held = names.held && block.has(`${names.held.projector}.weight`) ? names.held : null;
  const imageModulation = block.linear(names.image.modulation);
  const { conditioning, imageTimes } = modulatedBy === undefined ? context : sharedAt(context, modulatedBy);
  const [imageAttention, imageMlp] = imageTimes
    ? tokenModulations(imageTimes, imageModulation, config.width)
    : modulationTriples(conditioning, imageModulation, config.width);
  if (!imageAttention) throw new RangeError('Three parts were asked for');
  const [textAttention, textMlp] = held
    ? []
    : modulationTriples(conditioning, block.linear(names.text.modulation), config.width);
  const withText = updates.includes('text');
  let { image, text } = state;
  const ownText = () => (textAttention ? modulatedNorm(text, textAttention) : projectedText(state, block, held));
  const modulatedText = without !== 'attention' || carriesText ? ownText() : null;
  if (without !== 'attention' && modulatedText) {
    const mixed = jointAttention(
      config,
      block,
      modulatedNorm(image, imageAttention),
      modulatedText,
      context,
      withText && !held,
    );
    const attended = (x: tf.Tensor3D, gate: tf.Tensor3D, own: tf.Tensor3D, { out }: StreamLayers) =>
      gatedResidual(x, gate, linear(own, block.linear(out)));
    image = attended(image, imageAttention.gate, mixed.image, names.image);
    if (mixed.text && textAttention) text = attended(text, textAttention.gate, mixed.text, names.text);
  }
  if (without !== 'ffn') {
    image = throughMlp(image, block, names.image, imageMlp);
    if (withText && !held) text = throughMlp(text, block, names.text, textMlp);
  }
  if (withText && held) text = throughMap(text, block, held.end) ?? text;
  if (held) return { ...state, image, text };
  return carriesText && modulatedText ? { image, text, [CARRIED_TEXT]: modulatedText } : { image, text };
}

function sharedAt({ shared }: DualContext, place: number): Conditioning {
  const found = shared?.[place];
  if (!found) throw new RangeError(`No shared modulation ${place}`);
  return found;
}

/** What a block that holds its text attends to: a residual map of the text that an earlier block modulated. */
export function projectedText(state: JointState, block: WeightSet, held: HeldText | null): tf.Tensor3D {
  const carried = state[CARRIED_TEXT];
  if (carried && held) return tf.add(carried, linear(carried, block.linear(held.projector)));
  throw new ContiguaError('checkpoint-unsupported', 'A block that holds its text cannot run by itself', {
    found: 'a state without the modulated text of the last block that has a text stream of its own',
    expected: 'a pass that begins at or before that block',
  });
}

/** x + P·x, where the block has the map P. */
export function throughMap(x: tf.Tensor3D, block: WeightSet, name: string): tf.Tensor3D | null {
  return block.has(`${name}.weight`) ? tf.add(x, linear(x, block.linear(name))) : null;
}

function throughMlp(
  x: tf.Tensor3D,
  block: WeightSet,
  { mlp: name, linearMlp }: StreamLayers,
  modulation: Modulation | undefined,
): tf.Tensor3D {
  const mapped = linearMlp ? throughMap(x, block, linearMlp) : null;
  if (mapped) return mapped;
  if (!modulation) throw new RangeError('Six parts were asked for');
  const [up, down] = [block.linear(`${name}.net.0.proj`), block.linear(`${name}.net.2`)];
  return gatedResidual(x, modulation.gate, feedForward(modulatedNorm(x, modulation), up, down));
}
