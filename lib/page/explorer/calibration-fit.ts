/**
 * Whether a calibration file can be one of a model, told by its header alone: `hidden_states` has to be of the model's shape,
 * tokens or pictures, and the text of its width. What else may be wrong with it, the analysis says. Loaded when a file waits while the model changes.
 */
import { openFile } from '@/lib/core/checkpoint/index.ts';
import { asContiguaError } from '@/lib/core/errors.ts';
import {
  fitsHiddenStates,
  hiddenStatesShape,
  parseModelConfig,
  type RawConfig,
} from '@/lib/core/model/config-index.ts';

export interface Misfit {
  readonly found: string;
  readonly expected: string;
}

/** Null for a file that fits. */
export async function misfitOf(file: File, model: { readonly config: RawConfig }): Promise<Misfit | null> {
  try {
    const config = parseModelConfig(JSON.stringify(model.config), 'config.json');
    const { tensors } = await openFile({ path: file.name, blob: file });
    const misfit = (
      name: string,
      fits: (shape: readonly number[]) => boolean,
      expected: readonly (string | number)[],
    ) => {
      const shape = tensors.get(name)?.shape;
      if (!shape) return { found: `no tensor ${name}`, expected: name };
      if (fits(shape)) return null;
      return { found: `${name} [${shape.join(', ')}]`, expected: `[${expected.join(', ')}]` };
    };
    const { textDim } = config;
    return (
      misfit('hidden_states', (shape) => fitsHiddenStates(shape, config), hiddenStatesShape(config)) ??
      misfit('encoder_hidden_states', (shape) => shape.at(-1) === textDim, ['samples', 'text tokens', textDim])
    );
  } catch (thrown) {
    return { found: asContiguaError(thrown).message, expected: 'a safetensors file' };
  }
}
