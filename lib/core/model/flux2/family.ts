/** FLUX.2 as a family: diffusers' Flux2Transformer2DModel. */
import { parametersOf } from '../architecture.ts';
import type { Family } from '../family.ts';
import { NOMINAL } from '../nominal.ts';
import { isOwn, OWN_READER, twoStackKeys } from '../own-forms.ts';
import { describeFlux2, modulationTensors } from './blocks.ts';
import { AXES, type Flux2Config, parseFlux2 } from './config.ts';
import { flux2Name } from './name.ts';
import { imageIds, textIds } from './positions.ts';

export const flux2: Family<Flux2Config> = {
  ...flux2Name,
  classNames: ['Flux2Transformer2DModel'],
  identity: {
    version: 1,
    // What changes the arithmetic and no shape; all else is in the list of tensors.
    configKeys: ['_class_name', 'axes_dims_rope', 'eps', 'rope_theta'],
    tensors: ['x_embedder.weight', 'proj_out.weight'],
    firstBlock: 'transformer_blocks.0.',
  },
  nominal: () => NOMINAL,
  takesMask: false,
  timeScale: 1,
  parse: parseFlux2,
  describe: describeFlux2,
  costNote: (config) =>
    `Modulation (${parametersOf(modulationTensors(config)).toLocaleString('en-US')} parameters) is shared by all blocks: ` +
    'removing blocks saves none of it.',
  prunedKeys: (config, kept) =>
    twoStackKeys(
      config,
      kept.map((block) => ({ block, form: {} })),
    ),
  editedKeys: (config, kept) => ({ keys: twoStackKeys(config, kept) }),
  readerOf: ({ narrow }) => (isOwn(narrow) ? OWN_READER : null),
  extraInputs: ({ guidanceEmbeds }) => [
    {
      name: 'img_ids',
      perSample: false,
      source: 'positions',
      shape: ({ imageTokens }) => [imageTokens, AXES],
      positions: imageIds,
    },
    {
      name: 'txt_ids',
      perSample: false,
      source: 'positions',
      shape: ({ textTokens }) => [textTokens, AXES],
      positions: textIds,
    },
    ...(guidanceEmbeds ? [{ name: 'guidance', perSample: true, source: 'guidance', shape: () => [] } as const] : []),
  ],
  async originalLayouts() {
    return (await import('./original.ts')).FLUX2_LAYOUTS;
  },
  async open(config, weights) {
    const { openFlux2 } = await import('./transformer.ts');
    return openFlux2(config, weights);
  },
  async goldens() {
    return (await import('./goldens.ts')).FLUX2_GOLDENS;
  },
};
