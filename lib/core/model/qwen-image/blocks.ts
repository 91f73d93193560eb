/** The blocks of a Qwen-Image transformer, the same in all its forms: one stack of equal dual-stream blocks, the last of which updates the image alone. */
import { type Architecture, linearTensors, type StreamTokens, stackOf, type TensorSpec } from '../architecture.ts';
import type { QwenImageConfig } from './config.ts';
import { TIME_CONDITION } from './time-condition.ts';

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
  const { stack, blocks } = stackOf(
    { id: 'blocks', label: 'blocks', prefix: 'transformer_blocks.', first: 0 },
    numBlocks,
    (index) => ({
      kind: 'dual',
      // Nothing reads the last block's text.
      updates: index === numBlocks - 1 ? ['image'] : ['image', 'text'],
      tensors,
      flops,
    }),
  );
  return {
    streams: [
      { id: 'image', label: 'image', input: 'hidden_states' },
      { id: 'text', label: 'text', input: 'encoder_hidden_states' },
    ],
    output: 'image',
    stacks: [stack],
    blocks,
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
    ],
    globalFlops: ({ image = 0, text = 0 }) =>
      2 * image * inChannels * D +
      2 * text * textDim * D +
      2 * times * (TIME_FREQUENCIES * D + D * D) +
      4 * D * D +
      2 * image * D * outputFeatures,
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
