/**
 * Reads a safetensors file whose tensors are named like diffusers' forward arguments: hidden_states [B, Ni, in],
 * encoder_hidden_states [B, Nt, text], encoder_hidden_states_mask [B, Nt] (optional), timestep [B] in 0..1, and
 * `img_shapes` as JSON in the file's metadata. Everything is checked, values included, before anything is computed.
 */
import { type Checkpoint, type NamedBlob, openFile, type TensorInfo } from '../checkpoint/index.ts';
import { ContiguaError, type ErrorCode } from '../errors.ts';
import type { ModelConfig, TransformerInputs } from '../model/index.ts';
import { isFloatDType } from '../tensor/index.ts';

const HINT =
  'Name the tensors as the arguments of diffusers’ forward call and put img_shapes as JSON into the metadata.';
/** The file is laid out well; what is in it is not what a pipeline passes. */
const VALUES = 'Save the arguments of the forward call as the pipeline passes them.';

export async function readForwardFile(
  { path: file, blob }: NamedBlob,
  config: ModelConfig,
  code: ErrorCode & ('calibration-invalid' | 'inputs-invalid'),
): Promise<TransformerInputs> {
  const checkpoint = await openFile({ path: file, blob });
  const invalid: Invalid = (summary, tensor, found, expected, hint = HINT) =>
    new ContiguaError(code, summary, { file, tensor, found, expected, hint });
  const shapeOf = (tensor: string, expected: string): readonly number[] => {
    const info = checkpoint.tensors.get(tensor);
    if (info) return info.shape;
    throw invalid(
      'A tensor is missing',
      tensor,
      `only ${[...checkpoint.tensors.keys()].join(', ') || 'no tensors'}`,
      expected,
    );
  };

  const hiddenShape = shapeOf('hidden_states', `[samples, image tokens, ${config.inChannels}]`);
  const [batch = 0, imageTokens = 0] = hiddenShape;
  expectShape('hidden_states', hiddenShape, [batch, imageTokens, config.inChannels], invalid);
  const textShape = shapeOf('encoder_hidden_states', `[${batch}, text tokens, ${config.textDim}]`);
  const [, textTokens = 0] = textShape;
  expectShape('encoder_hidden_states', textShape, [batch, textTokens, config.textDim], invalid);
  expectShape('timestep', shapeOf('timestep', `[${batch}]`), [batch], invalid);
  if (batch * imageTokens * textTokens === 0) {
    throw invalid('There are no samples or no tokens', 'hidden_states', shown(hiddenShape), 'at least one of each');
  }
  const imageShapes = parseImageShapes(checkpoint.metadata.get('img_shapes'), imageTokens, invalid);

  const timestep = await readFinite(checkpoint, 'timestep', invalid);
  const outside = timestep.find((t) => t < 0 || t > 1);
  if (outside !== undefined) {
    throw invalid(
      'A time step lies outside 0..1',
      'timestep',
      String(outside),
      'the scheduler’s time step divided by 1000',
      VALUES,
    );
  }
  return {
    batch,
    imageTokens,
    textTokens,
    imageShapes,
    hiddenStates: await readFinite(checkpoint, 'hidden_states', invalid),
    encoderHiddenStates: await readFinite(checkpoint, 'encoder_hidden_states', invalid),
    timestep,
    mask: await readMask(checkpoint, batch, textTokens, invalid),
  };
}

type Invalid = (summary: string, tensor: string, found: string, expected: string, hint?: string) => ContiguaError;

function expectShape(tensor: string, found: readonly number[], expected: readonly number[], invalid: Invalid): void {
  if (found.join() !== expected.join()) throw invalid('Wrong shape', tensor, shown(found), shown(expected));
}

async function readFinite(checkpoint: Checkpoint, tensor: string, invalid: Invalid): Promise<Float32Array> {
  const info = checkpoint.tensors.get(tensor);
  if (info && !isFloatDType(info.dtype)) throw invalid('Wrong dtype', tensor, info.dtype, 'F32, BF16, F16 or F64');
  const values = await checkpoint.readFloat32(tensor);
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at >= 0)
    throw invalid('A value is not finite', tensor, `${values[at]} at element ${at}`, 'finite numbers', VALUES);
  return values;
}

const MASK = 'encoder_hidden_states_mask';

/** null when the file has no mask: then every token is valid. */
async function readMask(
  checkpoint: Checkpoint,
  batch: number,
  textTokens: number,
  invalid: Invalid,
): Promise<Uint8Array | null> {
  const info = checkpoint.tensors.get(MASK);
  if (!info) return null;
  expectShape(MASK, info.shape, [batch, textTokens], invalid);
  const mask = isFloatDType(info.dtype)
    ? Uint8Array.from(await readFinite(checkpoint, MASK, invalid), (value) => (value === 0 ? 0 : 1))
    : nonZeroElements(await checkpoint.readBytes(MASK), info);
  for (let sample = 0; sample < batch; sample++) {
    if (!mask.subarray(sample * textTokens, (sample + 1) * textTokens).some(Boolean)) {
      throw invalid(
        'A sample has no valid text token',
        MASK,
        `only zeros for sample ${sample}`,
        'at least one 1 per sample',
        VALUES,
      );
    }
  }
  return mask;
}

/** An integer or boolean is true if any of its bytes is not zero. */
function nonZeroElements(bytes: Uint8Array, { shape }: TensorInfo): Uint8Array {
  const count = shape.reduce((product, n) => product * n, 1);
  const width = bytes.length / count;
  return Uint8Array.from({ length: count }, (_, i) =>
    bytes.subarray(i * width, (i + 1) * width).some(Boolean) ? 1 : 0,
  );
}

/**
 * `[[f, h, w], …]`, one image per sample, or `[[[f, h, w], …], …]`, a list of images per sample. As in diffusers, one
 * layout holds for the whole batch; a file whose samples differ is refused rather than read by its first.
 */
function parseImageShapes(
  json: string | undefined,
  imageTokens: number,
  invalid: Invalid,
): TransformerInputs['imageShapes'] {
  const expected = 'JSON such as [[1, 8, 8]]: frames, height and width in tokens';
  if (json === undefined) throw invalid('The metadata has no img_shapes', 'img_shapes', 'nothing', expected);
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw invalid('img_shapes is not JSON', 'img_shapes', json.slice(0, 80), expected);
  }
  const samples = Array.isArray(parsed) ? parsed.map((entry: unknown) => (isTriple(entry) ? [entry] : entry)) : [];
  const [first] = samples;
  if (!Array.isArray(first) || first.length === 0 || !first.every(isTriple)) {
    throw invalid('img_shapes is unusable', 'img_shapes', json.slice(0, 80), expected);
  }
  if (samples.some((sample) => JSON.stringify(sample) !== JSON.stringify(first))) {
    throw invalid(
      'Samples of different sizes',
      'img_shapes',
      json.slice(0, 80),
      'the same image shapes for each sample',
    );
  }
  const tokens = first.reduce((sum, [frames, height, width]) => sum + frames * height * width, 0);
  if (tokens !== imageTokens) {
    throw invalid('img_shapes do not add up', 'img_shapes', `${tokens} tokens`, `${imageTokens}, as in hidden_states`);
  }
  return first;
}

function isTriple(value: unknown): value is [number, number, number] {
  return Array.isArray(value) && value.length === 3 && value.every((n) => Number.isSafeInteger(n) && n > 0);
}

function shown(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}
