/**
 * The blocks of a FLUX.2 transformer: a stack of dual-stream blocks, then a stack of single-stream blocks, in which attention
 * and MLP run side by side on [text, image] as one sequence. No layer has a bias, and no block holds its modulation: three
 * layers among the globals modulate all blocks, so that a block's tensors and operations are those of attention and MLP.
 */
import { type Architecture, parametersOf, type StreamTokens, stackOf, type TensorSpec } from '../architecture.ts';
import { jointParts } from '../joint-parts.ts';
import { oneSequence } from '../not-narrower.ts';
import { OWN_READS, ownStack, ownTraitsOf, type WholeBlock } from '../own-forms.ts';
import type { Flux2Config } from './config.ts';

const DUAL_PROJECTIONS = ['to_q', 'to_k', 'to_v', 'to_out.0', 'add_q_proj', 'add_k_proj', 'add_v_proj', 'to_add_out'];
/** The layers that modulate every block, and the parts that each gives: shift, scale, gate once or twice. */
const MODULATION_PARTS = {
  double_stream_modulation_img: 6,
  double_stream_modulation_txt: 6,
  single_stream_modulation: 3,
} as const;

const WHY_NO_SHARED = 'All blocks of FLUX.2 share one modulation already: no block has matrices of its own.';

export function describeFlux2(config: Flux2Config): Architecture {
  const { width: D, mlpDim: M, headDim, textDim, inChannels, outputFeatures, numDual, numSingle, numBlocks } = config;
  const { narrow } = config;
  const traits = ownTraitsOf(narrow);
  const dualAt = ownStack(narrow, { numBlocks: numDual, width: D, isTextReadAfter: numSingle > 0 });
  // Queries, keys, values and output; the MLP's two halves and its output; scores and what they mix.
  const flops = ({ image = 0, text = 0 }: StreamTokens) => {
    const tokens = image + text;
    return (8 * D * D + 6 * D * M) * tokens + 4 * tokens * tokens * D;
  };
  const dualTensors = [
    ...DUAL_PROJECTIONS.map((projection) => matrix(`attn.${projection}`, D, D)),
    ...gains(['norm_q', 'norm_k', 'norm_added_q', 'norm_added_k'], headDim),
    ...['ff', 'ff_context'].flatMap((mlp) => [matrix(`${mlp}.linear_in`, 2 * M, D), matrix(`${mlp}.linear_out`, D, M)]),
  ];
  const parts = jointParts(D, { whyNoShared: WHY_NO_SHARED, modulates: false });
  const wholeDual: WholeBlock = {
    kind: 'dual',
    tensors: dualTensors,
    flops,
    parts,
  };
  const dual = stackOf(
    { id: 'dual', label: 'dual-stream blocks', prefix: 'transformer_blocks.', first: 0 },
    numDual,
    (place) => dualAt(place, wholeDual),
  );
  const singleTensors = [
    matrix('attn.to_qkv_mlp_proj', 3 * D + 2 * M, D),
    matrix('attn.to_out', D, D + M),
    ...gains(['norm_q', 'norm_k'], headDim),
  ];
  const single = stackOf(
    { id: 'single', label: 'single-stream blocks', prefix: 'single_transformer_blocks.', first: numDual },
    numSingle,
    (_, index) => ({
      kind: 'single',
      notNarrower: oneSequence('attn.to_out'),
      // Nothing reads the text after the last block of all.
      updates: index === numBlocks - 1 ? ['image'] : ['image', 'text'],
      tensors: singleTensors,
      flops,
    }),
  );
  const globals = [
    ...embedder('timestep_embedder', config),
    ...(config.guidanceEmbeds ? embedder('guidance_embedder', config) : []),
    ...modulationTensors(config),
    matrix('context_embedder', D, textDim),
    matrix('x_embedder', D, inChannels),
    matrix('norm_out.linear', 2 * D, D),
    matrix('proj_out', outputFeatures, D),
  ];
  const perSample = globals.filter(({ name }) => !PER_TOKEN.includes(name));
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
    globals,
    globalFlops: ({ image = 0, text = 0 }: StreamTokens) =>
      2 * image * inChannels * D +
      2 * text * textDim * D +
      2 * image * D * outputFeatures +
      2 * parametersOf(perSample),
  };
}

/** Of the globals, those that every token goes through; the others see one row a sample. */
const PER_TOKEN: readonly string[] = ['context_embedder.weight', 'x_embedder.weight', 'proj_out.weight'];

export function modulationTensors({ width }: Flux2Config): TensorSpec[] {
  return Object.entries(MODULATION_PARTS).map(([name, parts]) => matrix(`${name}.linear`, parts * width, width));
}

function embedder(name: string, { width, timeChannels }: Flux2Config): TensorSpec[] {
  return [
    matrix(`time_guidance_embed.${name}.linear_1`, width, timeChannels),
    matrix(`time_guidance_embed.${name}.linear_2`, width, width),
  ];
}

/** A layer without a bias. */
function matrix(name: string, out: number, input: number): TensorSpec {
  return { name: `${name}.weight`, shape: [out, input] };
}

function gains(names: readonly string[], headDim: number): TensorSpec[] {
  return names.map((name) => ({ name: `attn.${name}.weight`, shape: [headDim] }));
}
