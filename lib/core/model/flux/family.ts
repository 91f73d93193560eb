/** FLUX.1 as a family: diffusers' FluxTransformer2DModel. */
import type { Family, InputLayout } from '../family.ts';
import { NOMINAL } from '../nominal.ts';
import { isOwn, OWN_READER, twoStackKeys } from '../own-forms.ts';
import { describeFlux } from './blocks.ts';
import { type FluxConfig, parseFlux } from './config.ts';
import { fluxName } from './name.ts';

/** Axes of the ids that FluxPipeline makes. diffusers runs models of any number, with ids that a file has to give. */
const AXES = 3;

export const flux: Family<FluxConfig> = {
  ...fluxName,
  classNames: ['FluxTransformer2DModel'],
  identity: {
    version: 1,
    configKeys: [
      '_class_name',
      'attention_head_dim',
      'axes_dims_rope',
      'guidance_embeds',
      'in_channels',
      'joint_attention_dim',
      'num_attention_heads',
      'num_layers',
      'num_single_layers',
      'out_channels',
      'patch_size',
      'pooled_projection_dim',
    ],
    tensors: ['x_embedder.weight', 'proj_out.weight'],
    firstBlock: 'transformer_blocks.0.',
  },
  nominal: () => NOMINAL,
  takesMask: false,
  timeScale: 1,
  parse: parseFlux,
  describe: describeFlux,
  prunedKeys: (config, kept) =>
    twoStackKeys(
      config,
      kept.map((block) => ({ block, form: {} })),
    ),
  editedKeys: (config, kept) => ({ keys: twoStackKeys(config, kept) }),
  readerOf: ({ narrow }) => (isOwn(narrow) ? OWN_READER : null),
  extraInputs: ({ pooledDim, guidanceEmbeds, ropeAxes }) => [
    { name: 'pooled_projections', perSample: true, source: 'pooled-text', shape: () => [pooledDim] },
    {
      name: 'img_ids',
      perSample: false,
      source: 'positions',
      shape: ({ imageTokens }) => [imageTokens, ropeAxes.length],
      ...(ropeAxes.length === AXES ? { positions: gridIds } : {}),
    },
    {
      name: 'txt_ids',
      perSample: false,
      source: 'positions',
      shape: ({ textTokens }) => [textTokens, ropeAxes.length],
      ...(ropeAxes.length === AXES ? { positions: zeroIds } : {}),
    },
    ...(guidanceEmbeds ? [{ name: 'guidance', perSample: true, source: 'guidance', shape: () => [] } as const] : []),
  ],
  refusedInputs: ({ guidanceEmbeds }): Readonly<Record<string, string>> =>
    guidanceEmbeds
      ? {}
      : {
          guidance:
            'This model has no guidance embedder (`guidance_embeds`): with a guidance diffusers raises a TypeError.',
        },
  async originalLayouts() {
    return (await import('./original.ts')).FLUX_LAYOUTS;
  },
  async open(config, weights) {
    const { openFlux } = await import('./transformer.ts');
    return openFlux(config, weights);
  },
  async goldens() {
    return (await import('./goldens.ts')).FLUX_GOLDENS;
  },
};

function zeroIds({ textTokens }: InputLayout): Float32Array<ArrayBuffer> {
  return new Float32Array(textTokens * AXES);
}

/** (0, row, column) of every token, as FluxPipeline numbers its latents. */
function gridIds({ imageShapes, imageTokens }: InputLayout): Float32Array<ArrayBuffer> {
  const ids = new Float32Array(imageTokens * AXES);
  let token = 0;
  for (const [frames, height, width] of imageShapes ?? []) {
    for (let i = 0; i < frames * height * width; i++, token++) {
      ids.set([0, Math.floor(i / width) % height, i % width], token * AXES);
    }
  }
  return ids;
}
