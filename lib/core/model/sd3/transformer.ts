/**
 * The forward pass of Stable Diffusion 3 and 3.5 (diffusers' SD3Transformer2DModel): pictures cut into patches, positions added
 * from a table, joint blocks without rotary positions or a text mask, time and pooled text as the condition of every block.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Checkpoint } from '../../checkpoint/types.ts';
import type { BlockHalf, BlockSpec, StreamId } from '../architecture.ts';
import { createTransformer } from '../block-transformer.ts';
import { embedded, sinusoid, streamMembership } from '../conditioning.ts';
import { architectureOf } from '../counts.ts';
import { type DualContext, projectedText, throughMap } from '../dual-block.ts';
import { checkInputs, extraOf } from '../inputs.ts';
import { CARRIED_TEXT, type JointState, jointAttention, selfAttention } from '../joint-attention.ts';
import { FFN_NAMES, HELD_TEXT, MODULATED_BY } from '../joint-parts.ts';
import {
  continuousNorm,
  feedForward,
  gatedResidual,
  linear,
  type Modulation,
  modulatedNorm,
  modulationTriples,
  projectOutput,
  silu,
} from '../layers.ts';
import type { Transformer, TransformerInputs } from '../transformer.ts';
import { checkFinite, toEngine, type WeightSet, type WeightStore } from '../weights.ts';
import type { SD3Config } from './config.ts';
import { middleOf, positionTable } from './positions.ts';

const POSITIONS = 'pos_embed.pos_embed';

interface SD3Context extends DualContext {
  /** [Ni · D] */
  readonly positions: Float32Array;
}

export async function openSD3(config: SD3Config, weights: WeightStore): Promise<Transformer> {
  const globals = await weights.globals();
  const positionsOf = positionReader(config, weights.checkpoint);
  await addPatchLayers(config, globals, weights.checkpoint);
  const output = { linear: (name: string) => globals.linear(name === 'proj_out' ? PATCHES_OUT : name) };
  return createTransformer<SD3Context, JointState>(config, architectureOf(config), weights, {
    async begin(inputs) {
      checkInputs(inputs, config, { imageShapes: 'required' });
      const [, height = 0, width = 0] = inputs.imageShapes?.[0] ?? [];
      const positions = await positionsOf(height, width);
      const { batch, imageTokens, textTokens } = inputs;
      return {
        batch,
        imageTokens,
        textTokens,
        positions,
        conditioning: tf.tidy(() => silu(conditioningOf(inputs, config, globals))),
        jointRotation: null,
        imageRotation: null,
        streams: streamMembership(textTokens, imageTokens),
        mask: null,
      };
    },
    embed({ batch, imageTokens, textTokens, hiddenStates, encoderHiddenStates }, { positions }) {
      const patches = tf.tensor3d(hiddenStates, [batch, imageTokens, config.inChannels]);
      const prompt = tf.tensor3d(encoderHiddenStates, [batch, textTokens, config.textDim]);
      return {
        image: tf.add(
          linear(patches, globals.linear(PATCHES_IN)),
          tf.tensor3d(positions, [1, imageTokens, config.width]),
        ),
        text: linear(prompt, globals.linear('context_embedder')),
      };
    },
    runBlock: (spec, block, state, context, updates, without) =>
      runJointBlock(config, block, state, context, updates, without, spec),
    project: (state, { conditioning }) => projectOutput(state.image, conditioning, output),
    dispose: ({ conditioning, streams }) => tf.dispose([conditioning, streams]),
  });
}

/** Layers over packed tokens, made of those over pictures. */
const PATCHES_IN = 'pos_embed.patches';
const PATCHES_OUT = 'proj_out.patches';

/**
 * A convolution over patches is a linear layer of a token's features in the order channel, row, column. The output layer gives
 * them in the order row, column, channel: its columns are reordered once, so that tokens go out as they come in.
 */
async function addPatchLayers(
  { width, inChannels, outChannels, patchSize }: SD3Config,
  globals: WeightSet,
  checkpoint: Checkpoint,
): Promise<void> {
  // Read again, as the engines' own gather differs in what it gives; it is small.
  for (const [part, rowLength] of [
    ['weight', width],
    ['bias', 1],
  ] as const) {
    const stored = await checkpoint.readFloat32(`proj_out.${part}`);
    const rows = new Float32Array(stored.length);
    for (let row = 0; row * rowLength < rows.length; row++) {
      const [channel, place] = [Math.floor(row / patchSize ** 2), row % patchSize ** 2];
      const from = (place * outChannels + channel) * rowLength;
      rows.set(stored.subarray(from, from + rowLength), row * rowLength);
    }
    const shape = rowLength === 1 ? [rows.length] : [rows.length / width, width];
    globals.add(`${PATCHES_OUT}.${part}`, toEngine(rows, shape));
  }
  const convolution = new Map(globals.entries()).get('pos_embed.proj.weight');
  if (!convolution) throw new RangeError('The convolution was not read');
  globals.add(
    `${PATCHES_IN}.weight`,
    tf.tidy(() => tf.transpose(tf.reshape(convolution, [width, inChannels]))),
  );
  const { bias } = globals.linear('pos_embed.proj');
  if (bias) globals.add(`${PATCHES_IN}.bias`, tf.clone(bias));
}

/** Positions of a picture's patches, read from the middle of the stored table, or computed where none is stored. */
function positionReader(
  config: SD3Config,
  checkpoint: Checkpoint,
): (height: number, width: number) => Promise<Float32Array> {
  const info = checkpoint.tensors.get(POSITIONS);
  const computed = positionTable(config);
  let known: { readonly size: string; readonly values: Float32Array } | null = null;
  return async (height, width) => {
    const size = `${height} × ${width}`;
    if (known?.size === size) return known.values;
    const values = new Float32Array(height * width * config.width);
    for (const [row, { start, end }] of middleOf(config, height, width).entries()) {
      const line = info ? await checkpoint.readFloat32(POSITIONS, start, end) : computed(start, end);
      if (info) checkFinite(line, info.file, POSITIONS);
      values.set(line, row * width * config.width);
    }
    known = { size, values };
    return values;
  };
}

/** [B, D]: the sum of the embedded time and pooled text. */
function conditioningOf(inputs: TransformerInputs, { pooledDim }: SD3Config, globals: WeightSet): tf.Tensor2D {
  const pooled = tf.tensor2d(extraOf(inputs, 'pooled_projections'), [inputs.batch, pooledDim]);
  return tf.add(
    embedded(sinusoid(inputs.timestep, 1), globals, 'time_text_embed.timestep_embedder'),
    embedded(pooled, globals, 'time_text_embed.text_embedder'),
  );
}

/**
 * What a block computes follows from the tensors that it has, as a student may be of another kind than the block in whose place
 * it runs.
 */
function runJointBlock(
  config: SD3Config,
  block: WeightSet,
  state: JointState,
  context: SD3Context,
  updates: readonly StreamId[],
  without: BlockHalf | null,
  { carriesText = false }: Pick<BlockSpec, 'carriesText'>,
): JointState {
  const { conditioning } = context;
  const isHeld = block.has(`${HELD_TEXT.projector}.weight`);
  const triples = modulationTriples(conditioning, block.linear(MODULATED_BY.image));
  // A map alone in the place of feed-forward layers leaves no modulation of theirs.
  const mlp = hasMlp(block, 'image') ? triples[1] : undefined;
  const [attention, second] = triples.filter((one) => one !== mlp);
  if (!attention) throw new RangeError('Three parts were asked for');
  const givesText = !isHeld && (hasMlp(block, 'text') || block.has(`${FFN_NAMES.text.linearMlp}.weight`));
  const ofText = givesText ? modulationTriples(conditioning, block.linear(MODULATED_BY.text)) : [];
  const [textAttention, textMlp] = ofText;
  const prompt = () => {
    if (isHeld) return projectedText(state, block, HELD_TEXT);
    return textAttention
      ? modulatedNorm(state.text, textAttention)
      : continuousNorm(state.text, conditioning, block.linear(MODULATED_BY.text));
  };
  const withText = givesText && updates.includes('text');
  let { image, text } = state;
  const modulatedText = without !== 'attention' || carriesText ? prompt() : null;
  if (without !== 'attention' && modulatedText) {
    const mixed = jointAttention(config, block, modulatedNorm(image, attention), modulatedText, context, withText);
    image = gatedResidual(image, attention.gate, linear(mixed.image, block.linear('attn.to_out.0')));
    if (second) {
      const own = selfAttention(config, block, 'attn2', modulatedNorm(state.image, second));
      image = gatedResidual(image, second.gate, linear(own, block.linear('attn2.to_out.0')));
    }
    if (mixed.text && textAttention) {
      text = gatedResidual(text, textAttention.gate, linear(mixed.text, block.linear('attn.to_add_out')));
    }
  }
  if (without !== 'ffn') {
    image = throughMlp(image, mlp, block, FFN_NAMES.image);
    if (withText) text = throughMlp(text, textMlp, block, FFN_NAMES.text);
  }
  if (isHeld && updates.includes('text')) text = throughMap(text, block, HELD_TEXT.end) ?? text;
  if (isHeld) return { ...state, image, text };
  return carriesText && modulatedText ? { image, text, [CARRIED_TEXT]: modulatedText } : { image, text };
}

function hasMlp(block: WeightSet, stream: keyof typeof FFN_NAMES): boolean {
  return block.has(`${FFN_NAMES[stream].mlp}.net.2.weight`);
}

function throughMlp(
  x: tf.Tensor3D,
  modulation: Modulation | undefined,
  block: WeightSet,
  { mlp, linearMlp }: { readonly mlp: string; readonly linearMlp: string },
): tf.Tensor3D {
  const mapped = throughMap(x, block, linearMlp);
  if (mapped) return mapped;
  if (!modulation) throw new RangeError('Six parts were asked for');
  const [up, down] = [block.linear(`${mlp}.net.0.proj`), block.linear(`${mlp}.net.2`)];
  return gatedResidual(x, modulation.gate, feedForward(modulatedNorm(x, modulation), up, down));
}
