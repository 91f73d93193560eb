/**
 * Whether a calibration file can be one of a model, told by its header alone: the features per token of both inputs have to
 * be the model's. What else may be wrong with it, the analysis says. Loaded when a file waits while the model changes.
 */
import { openFile } from '@/lib/core/checkpoint/index.ts';
import { asContiguaError } from '@/lib/core/errors.ts';

export interface Misfit {
  readonly found: string;
  readonly expected: string;
}

/** Null for a file that fits. */
export async function misfitOf(file: File, model: { inChannels: number; textDim: number }): Promise<Misfit | null> {
  try {
    const { tensors } = await openFile({ path: file.name, blob: file });
    for (const [name, features] of [
      ['hidden_states', model.inChannels],
      ['encoder_hidden_states', model.textDim],
    ] as const) {
      const shape = tensors.get(name)?.shape;
      if (!shape) return { found: `no tensor ${name}`, expected: name };
      if (shape.at(-1) !== features) {
        return { found: `${name} [${shape.join(', ')}]`, expected: `[…, …, ${features}]` };
      }
    }
    return null;
  } catch (thrown) {
    return { found: asContiguaError(thrown).message, expected: 'a safetensors file' };
  }
}
