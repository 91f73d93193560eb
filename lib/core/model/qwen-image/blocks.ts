/**
 * The blocks of a Qwen-Image transformer: one stack of dual-stream blocks, alike but that the text is updated only as long as a
 * later dual-stream block reads it. In PPCL's width-pruned students some are single-stream blocks or have linear feed-forward layers.
 */
import {
  type Architecture,
  type BlockParts,
  type BlockTrait,
  linearTensors,
  parametersOf,
  type StreamTokens,
  stackOf,
  type TensorSpec,
} from '../architecture.ts';
import { type BlockForm, blockInForm, isPart } from '../block-form.ts';
import { formTraits, HELD, HELD_ALREADY, LINEAR_ALREADY, type WholeBlock } from '../own-forms.ts';
import { basisTensors, sharedModulationOf } from '../shared-modulation.ts';
import type { QwenImageConfig } from './config.ts';
import { TIME_CONDITION } from './time-condition.ts';
import { formOf, isNarrow } from './width-lists.ts';

const TIME_FREQUENCIES = 256;
const MLP_RATIO = 4;
const PROJECTIONS = ['to_q', 'to_k', 'to_v', 'add_q_proj', 'add_k_proj', 'add_v_proj', 'to_out.0', 'to_add_out'];
const NORMS = ['norm_q', 'norm_k', 'norm_added_q', 'norm_added_k'];

export function describeQwenImage(config: QwenImageConfig): Architecture {
  const { width: D, textDim, inChannels, outputFeatures, numBlocks } = config;
  const tensors = blockTensors(config);
  // The image's modulation and the time embedding are computed for time t, and for time 0 where references take it.
  const times = config.zeroTimeReferences ? 2 : 1;
  const flops = ({ image = 0, text = 0 }: StreamTokens) => {
    const N = image + text;
    return 24 * D * D * N + 4 * N * N * D + 12 * D * D * (times + 1);
  };
  const whole: WholeBlock = { kind: 'dual', tensors, flops, parts: partsOf(D, times) };
  const { narrow } = config;
  const lastDual = Math.max(...Array.from({ length: numBlocks }, (_, index) => (narrow.single.has(index) ? 0 : index)));
  const lastHeld = Math.max(-1, ...narrow.single);
  const { stack, blocks } = stackOf(
    { id: 'blocks', label: 'blocks', prefix: 'transformer_blocks.', first: 0 },
    numBlocks,
    (index) => {
      const modulation = sharedModulationOf(config.modulations, index);
      const form = { ...formOf(narrow, index), ...(modulation ? { modulation } : {}) };
      const updatesText = form.text !== 'projected' && index < lastDual;
      // Every block before one that holds its text, as a run may take out those between.
      const carriesText = form.text === undefined && index < lastHeld;
      return {
        ...inForm(whole, form, D),
        updates: updatesText ? ['image', 'text'] : ['image'],
        ...(isNarrow(narrow) ? { traits: formTraits(form) } : {}),
        ...(carriesText ? { carriesText } : {}),
        ...(modulation ? { modulatedBy: modulation.source } : {}),
      };
    },
  );
  const sharedModulations = config.modulations.map(({ by }) => by);
  const bases = basisTensors(sharedModulations, D);
  return {
    streams: [
      { id: 'image', label: 'image', input: 'hidden_states' },
      { id: 'text', label: 'text', input: 'encoder_hidden_states' },
    ],
    output: 'image',
    stacks: [stack],
    blocks,
    ...(isNarrow(narrow) ? { traits: [HELD, LINEAR] } : {}),
    ...(sharedModulations.length > 0 ? { sharedModulations } : {}),
    ...(config.additionalTimeCondition
      ? { conditionedBy: 'Blocks are conditioned by an embedding beside the timestep (`additional_t_cond`).' }
      : {}),
    ...(config.zeroTimeReferences
      ? {
          whyNoTrainedModulation:
            'Edit models (`zero_cond_t`) modulate reference images as at timestep 0, and a basis is trained for one timestep of all tokens.',
        }
      : {}),
    globals: [
      ...linearTensors('time_text_embed.timestep_embedder.linear_1', D, TIME_FREQUENCIES),
      ...linearTensors('time_text_embed.timestep_embedder.linear_2', D, D),
      ...(config.additionalTimeCondition
        ? [{ name: `${TIME_CONDITION.layer}.weight`, shape: [TIME_CONDITION.rows, D] }]
        : []),
      { name: 'txt_norm.weight', shape: [textDim] },
      ...linearTensors('img_in', D, inChannels),
      ...linearTensors('txt_in', D, textDim),
      ...linearTensors('norm_out.linear', 2 * D, D),
      ...linearTensors('proj_out', outputFeatures, D),
      ...bases,
    ],
    globalFlops: ({ image = 0, text = 0 }) =>
      2 * image * inChannels * D +
      2 * text * textDim * D +
      2 * times * (TIME_FREQUENCIES * D + D * D) +
      2 * times * parametersOf(bases) +
      4 * D * D +
      2 * image * D * outputFeatures,
  };
}

const LINEAR: BlockTrait = {
  id: 'linear-ffn',
  label: 'linear feed-forward',
  about: 'A linear map stands for the feed-forward layers.',
};

/** What of a block of PPCL's class is narrower is no part that could be replaced once more. */
function inForm(whole: WholeBlock, form: BlockForm, width: number): WholeBlock {
  const { parts } = whole;
  if (!parts || Object.keys(form).length === 0) return whole;
  const { kind, tensors, flops } = blockInForm(whole, form, width);
  const matrices = isPart(parts.modulation) ? parts.modulation : [];
  return {
    kind,
    tensors,
    flops,
    parts: {
      ffn: form.linearFfn
        ? { image: LINEAR_ALREADY, text: LINEAR_ALREADY }
        : { ...parts.ffn, ...(form.text ? { text: HELD_ALREADY } : {}) },
      text: form.text ? HELD_ALREADY : parts.text,
      modulation: form.modulation ? { why: 'Its modulation is shared already.', matrices } : parts.modulation,
    },
  };
}

function partsOf(D: number, times: number): BlockParts {
  // Shift, scale and gate of the attention come first.
  const ffn = (stream: string) => ({
    layers: `${stream}_mlp.`,
    linear: `${stream}_ffn_proj`,
    modulation: { matrix: `${stream}_mod.1`, from: 3 * D, to: 6 * D },
  });
  return {
    ffn: { image: ffn('img'), text: ffn('txt') },
    text: { stream: 'text', layers: ['txt_mod.', 'txt_mlp.'], projector: 'txt_proj', end: 'ehs_proj', kind: 'single' },
    modulation: [
      { matrix: 'img_mod.1', stream: 'image', times },
      { matrix: 'txt_mod.1', stream: 'text', times: 1 },
    ],
  };
}

function blockTensors({ width: D, headDim }: QwenImageConfig): TensorSpec[] {
  return [
    ...['img', 'txt'].flatMap((stream) => [
      ...linearTensors(`${stream}_mod.1`, 6 * D, D),
      ...linearTensors(`${stream}_mlp.net.0.proj`, MLP_RATIO * D, D),
      ...linearTensors(`${stream}_mlp.net.2`, D, MLP_RATIO * D),
    ]),
    ...NORMS.map((norm) => ({ name: `attn.${norm}.weight`, shape: [headDim] })),
    ...PROJECTIONS.flatMap((projection) => linearTensors(`attn.${projection}`, D, D)),
  ];
}
