/**
 * silu(temb(t)) of a model whose blocks the timestep alone conditions, as its own forward computes it: a curve in one variable. The
 * globals are read and no block; the other inputs are the smallest ones, as the conditioning does not depend on them.
 */
import { ContiguaError } from '../errors.ts';
import {
  completeInputs,
  elementsOf,
  extraInputsOf,
  familyNamed,
  squarePicture,
  type Transformer,
} from '../model/index.ts';
import { pause } from '../pause.ts';

/** Timesteps in one pass. */
const AT_ONCE = 128;

/** [T, D]. Throws `checkpoint-unsupported` for a model whose conditioning is no curve in the timestep. */
export async function conditioningsAt(
  transformer: Transformer,
  timesteps: Float32Array,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const { config } = transformer;
  // Of embeddings beside the timestep, the first row, which pipelines pass.
  const other = extraInputsOf(config).find(({ source }) => source !== 'positions' && source !== 'category');
  if (other) {
    throw new ContiguaError('checkpoint-unsupported', 'The conditioning of this model is no curve in the timestep', {
      found: `${familyNamed(config.family).label} with \`${other.name}\``,
      expected: 'blocks that the timestep alone conditions',
    });
  }
  const found = new Float32Array(timesteps.length * config.width);
  for (let from = 0; from < timesteps.length; from += AT_ONCE) {
    await pause(signal);
    const some = timesteps.slice(from, from + AT_ONCE);
    const { state, context } = await transformer.begin(smallestInputs(transformer, some));
    try {
      const tensor = transformer.contextTensors(context).get('context.conditioning');
      if (!tensor) throw new RangeError('The context has no conditioning');
      found.set(await tensor.data<'float32'>(), from * config.width);
    } finally {
      for (const stream of Object.values(state)) stream.dispose();
      transformer.disposeContext(context);
    }
  }
  return found;
}

function smallestInputs({ config }: Transformer, timestep: Float32Array) {
  const imageShapes = familyNamed(config.family).syntheticImages?.(config, 1).shapes ?? squarePicture(1);
  const imageTokens = imageShapes.reduce((sum, shape) => sum + elementsOf(shape), 0);
  const batch = timestep.length;
  const inputs = {
    batch,
    imageTokens,
    textTokens: 1,
    imageShapes,
    hiddenStates: new Float32Array(batch * imageTokens * config.inChannels),
    encoderHiddenStates: new Float32Array(batch * config.textDim),
    mask: null,
    timestep: new Float32Array(batch),
  };
  const complete = completeInputs(inputs, config, { pooled: (width) => new Float32Array(batch * width), guidance: 1 });
  // In the family's unit already.
  return { ...complete, timestep };
}
