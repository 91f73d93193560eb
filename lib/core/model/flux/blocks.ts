/**
 * The blocks of a FLUX.1 transformer: a stack of dual-stream blocks, then a stack of single-stream blocks, in which text and
 * image tokens are two parts of one sequence and share all weights.
 */
import { type Architecture, linearTensors, type StreamTokens, stackOf, type TensorSpec } from '../architecture.ts';
import { jointParts } from '../joint-parts.ts';
import { oneSequence } from '../not-narrower.ts';
import { OWN_READS, ownStack, ownTraitsOf, type WholeBlock } from '../own-forms.ts';
import type { FluxConfig } from './config.ts';

const TIME_FREQUENCIES = 256;
export const MLP_RATIO = 4;
const DUAL_PROJECTIONS = ['to_q', 'to_k', 'to_v', 'to_out.0', 'add_q_proj', 'add_k_proj', 'add_v_proj', 'to_add_out'];

const WHY_NO_SHARED =
  'FLUX.1 adds the pooled prompt, and a guidance scale where it embeds one, to the timestep that its blocks are modulated by: that is ' +
  'no curve in one variable, and a basis would have to be fitted to prompts.';

export function describeFlux(config: FluxConfig): Architecture {
  const { width: D, textDim, pooledDim, inChannels, outputFeatures, numDual, numSingle, numBlocks } = config;
  const { narrow } = config;
  const traits = ownTraitsOf(narrow);
  const dualAt = ownStack(narrow, { numBlocks: numDual, width: D, isTextReadAfter: numSingle > 0 });
  const attention = (N: number) => 4 * N * N * D;
  const wholeDual: WholeBlock = {
    kind: 'dual',
    tensors: dualBlock(config),
    flops: ({ image = 0, text = 0 }) => 24 * D * D * (image + text) + attention(image + text) + 24 * D * D,
    parts: jointParts(D, { whyNoShared: WHY_NO_SHARED, modulates: true }),
  };
  const dual = stackOf(
    { id: 'dual', label: 'dual-stream blocks', prefix: 'transformer_blocks.', first: 0 },
    numDual,
    (place) => dualAt(place, wholeDual),
  );
  const singleTensors = singleBlock(config);
  const single = stackOf(
    { id: 'single', label: 'single-stream blocks', prefix: 'single_transformer_blocks.', first: numDual },
    numSingle,
    (_, index) => ({
      kind: 'single',
      notNarrower: oneSequence('proj_out'),
      // Nothing reads the text after the last block of all.
      updates: index === numBlocks - 1 ? ['image'] : ['image', 'text'],
      tensors: singleTensors,
      flops: ({ image = 0, text = 0 }) => 24 * D * D * (image + text) + attention(image + text) + 6 * D * D,
    }),
  );
  const embedders = config.guidanceEmbeds ? 2 : 1;
  return {
    streams: [
      { id: 'image', label: 'image', input: 'hidden_states' },
      { id: 'text', label: 'text', input: 'encoder_hidden_states' },
    ],
    whyNoSharedModulation: WHY_NO_SHARED,
    narrowerReadBy: OWN_READS,
    output: 'image',
    stacks: [dual.stack, single.stack].filter(({ first, last }) => first <= last),
    blocks: [...dual.blocks, ...single.blocks],
    ...(traits.length > 0 ? { traits } : {}),
    globals: [
      ...embedder('timestep_embedder', TIME_FREQUENCIES, D),
      ...(config.guidanceEmbeds ? embedder('guidance_embedder', TIME_FREQUENCIES, D) : []),
      ...embedder('text_embedder', pooledDim, D),
      ...linearTensors('context_embedder', D, textDim),
      ...linearTensors('x_embedder', D, inChannels),
      ...linearTensors('norm_out.linear', 2 * D, D),
      ...linearTensors('proj_out', outputFeatures, D),
    ],
    globalFlops: ({ image = 0, text = 0 }: StreamTokens) =>
      2 * image * inChannels * D +
      2 * text * textDim * D +
      2 * embedders * (TIME_FREQUENCIES * D + D * D) +
      2 * (pooledDim * D + D * D) +
      4 * D * D +
      2 * image * D * outputFeatures,
  };
}

function embedder(name: string, input: number, D: number): TensorSpec[] {
  return [
    ...linearTensors(`time_text_embed.${name}.linear_1`, D, input),
    ...linearTensors(`time_text_embed.${name}.linear_2`, D, D),
  ];
}

function dualBlock({ width: D, headDim }: FluxConfig): TensorSpec[] {
  return [
    ...linearTensors('norm1.linear', 6 * D, D),
    ...linearTensors('norm1_context.linear', 6 * D, D),
    ...gains(['norm_q', 'norm_k', 'norm_added_q', 'norm_added_k'], headDim),
    ...DUAL_PROJECTIONS.flatMap((projection) => linearTensors(`attn.${projection}`, D, D)),
    ...['ff', 'ff_context'].flatMap((mlp) => [
      ...linearTensors(`${mlp}.net.0.proj`, MLP_RATIO * D, D),
      ...linearTensors(`${mlp}.net.2`, D, MLP_RATIO * D),
    ]),
  ];
}

function singleBlock({ width: D, headDim }: FluxConfig): TensorSpec[] {
  return [
    ...linearTensors('norm.linear', 3 * D, D),
    ...linearTensors('proj_mlp', MLP_RATIO * D, D),
    ...linearTensors('proj_out', D, (1 + MLP_RATIO) * D),
    ...gains(['norm_q', 'norm_k'], headDim),
    ...['to_q', 'to_k', 'to_v'].flatMap((projection) => linearTensors(`attn.${projection}`, D, D)),
  ];
}

function gains(names: readonly string[], headDim: number): TensorSpec[] {
  return names.map((name) => ({ name: `attn.${name}.weight`, shape: [headDim] }));
}
