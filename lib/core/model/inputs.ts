/** Checks one forward's inputs against the model before any tensor is made. */
import { ContiguaError } from '../errors.ts';
import type { ModelConfig } from './config.ts';
import type { TransformerInputs } from './transformer.ts';

/** Positions that the reference's rotary tables hold in each direction. */
const MAX_POSITIONS = 4096;

export function checkInputs(inputs: TransformerInputs, config: ModelConfig): void {
  const { batch, imageTokens, textTokens, imageShapes } = inputs;
  const invalid = (tensor: string, summary: string, found: string, expected: string) =>
    new ContiguaError('inputs-invalid', summary, { tensor, found, expected });
  const expectLength = (tensor: string, found: number, shape: readonly number[]) => {
    const expected = shape.reduce((product, n) => product * n, 1);
    if (found !== expected) {
      throw invalid(tensor, 'Wrong number of values', `${found}`, `${expected} for [${shape.join(', ')}]`);
    }
  };
  for (const [name, count] of Object.entries({ batch, imageTokens, textTokens })) {
    if (!Number.isSafeInteger(count) || count < 1) throw invalid(name, 'Not a count', String(count), 'at least 1');
  }
  expectLength('hidden_states', inputs.hiddenStates.length, [batch, imageTokens, config.inChannels]);
  expectLength('encoder_hidden_states', inputs.encoderHiddenStates.length, [batch, textTokens, config.textDim]);
  expectLength('timestep', inputs.timestep.length, [batch]);
  if (inputs.mask) expectLength('encoder_hidden_states_mask', inputs.mask.length, [batch, textTokens]);
  for (const shape of imageShapes) {
    if (shape.some((n) => !Number.isSafeInteger(n) || n < 1 || n > MAX_POSITIONS)) {
      throw invalid('img_shapes', 'Unusable image shape', JSON.stringify(shape), 'frames, height, width of at least 1');
    }
  }
  const tokens = imageShapes.reduce((sum, [frames, height, width]) => sum + frames * height * width, 0);
  if (tokens !== imageTokens) {
    throw invalid(
      'img_shapes',
      'Image shapes do not add up to the image tokens',
      `${JSON.stringify(imageShapes)} = ${tokens} tokens`,
      `${imageTokens} tokens, as in hidden_states`,
    );
  }
}
