/**
 * Reads a safetensors file whose tensors are named like diffusers' forward arguments: hidden_states [B, Ni, in] or
 * [B, C, H, W], encoder_hidden_states [B, Nt, text], encoder_hidden_states_mask [B, Nt] (optional), timestep [B] or [1], and
 * `img_shapes` as JSON in the file's metadata. Everything is checked, values included, before anything is computed.
 */
import { type Checkpoint, type NamedBlob, openFile, type TensorInfo } from '../checkpoint/index.ts';
import { ContiguaError, type ErrorCode } from '../errors.ts';
import { MAX_JSON_BYTES, parseJson } from '../json-text.ts';
import {
  type ExtraInput,
  type ExtraValues,
  elementsOf,
  extraInputsOf,
  familyNamed,
  fitsHiddenStates,
  gridProblem,
  hiddenStatesShape,
  type ModelConfig,
  packedTokens,
  pictureLayout,
  shapeOf,
  type TransformerInputs,
  tokenCounts,
} from '../model/index.ts';
import type { DType } from '../tensor/dtype.ts';
import { isFloatDType } from '../tensor/index.ts';

const HINT =
  'Name the tensors as the arguments of diffusers’ forward call and put img_shapes as JSON into the metadata.';
const MASK = 'encoder_hidden_states_mask';
/** All that is read of a file; further tensors are left alone. */
export const FORWARD_TENSORS: readonly string[] = ['hidden_states', 'encoder_hidden_states', MASK, 'timestep'];
/** The file is laid out well; what is in it is not what a pipeline passes. */
const VALUES = 'Save the arguments of the forward call as the pipeline passes them.';

/** Of all inputs as float32, which are held at once. Twice that where they are cut into batches. */
const MAX_INPUT_BYTES = 2 ** 32;
/** Of one stream's states after one block, all samples: the largest array that Node makes holds 16 GiB. */
const MAX_STATE_BYTES = 2 ** 33;
const MAX_SAMPLES = 2 ** 17;

/** `use`: `states` are captured after each block, all samples at once; `inputs` are only passed on. */
export async function readForwardFile(
  { path: file, blob }: NamedBlob,
  config: ModelConfig,
  code: ErrorCode & ('calibration-invalid' | 'inputs-invalid'),
  use: 'states' | 'inputs',
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

  const pictures = pictureLayout(config);
  const hiddenShape = shapeOf('hidden_states', shown(hiddenStatesShape(config)));
  if (!fitsHiddenStates(hiddenShape, config)) {
    throw invalid('Wrong shape', 'hidden_states', shown(hiddenShape), shown(hiddenStatesShape(config, hiddenShape)));
  }
  const { batch, imageTokens, grid } = tokenCounts(hiddenShape, config);
  const textShape = shapeOf('encoder_hidden_states', `[${batch}, text tokens, ${config.textDim}]`);
  const [, textTokens = 0] = textShape;
  expectShape('encoder_hidden_states', textShape, [batch, textTokens, config.textDim], invalid);
  const timeShape = shapeOf('timestep', `[${batch}]`);
  // One time step is that of every sample.
  if (timeShape.join() !== '1') expectShape('timestep', timeShape, [batch], invalid);
  if (batch * imageTokens * textTokens === 0) {
    throw invalid('There are no samples or no tokens', 'hidden_states', shown(hiddenShape), 'at least one of each');
  }
  const tooLarge = pictures && grid && gridProblem(grid, pictures);
  if (tooLarge) {
    const found = `${shown(hiddenShape)}, ${tooLarge.found}`;
    throw invalid('The picture is too large for the model', 'hidden_states', found, tooLarge.expected, VALUES);
  }
  refuseTooManySamples({ batch, imageTokens, textTokens }, config, use, invalid);
  const extras = extraInputsOf(config);
  const shapesText = checkpoint.metadata.get('img_shapes');
  // Where every position is a tensor of the file, shapes are not needed.
  const hasPositions = extras.some(({ source }) => source === 'positions');
  const positionsGiven =
    hasPositions && extras.every(({ name, source }) => source !== 'positions' || checkpoint.tensors.has(name));
  const imageShapes = grid
    ? [grid]
    : shapesText === undefined && positionsGiven
      ? null
      : parseImageShapes(shapesText, imageTokens, file, code, invalid);

  const { timeScale } = familyNamed(config.family);
  const times = await readTimes(checkpoint, invalid);
  const timestep = times.length === batch ? times : new Float32Array(batch).fill(times[0] ?? 0);
  const outside = timestep.find((t) => t < 0 || t > timeScale);
  if (outside !== undefined) {
    throw invalid(
      `A time step lies outside 0..${timeScale}`,
      'timestep',
      String(outside),
      timeScale === 1 ? 'the scheduler’s time step divided by 1000' : 'the scheduler’s time step',
      VALUES,
    );
  }
  const inputs = {
    batch,
    imageTokens,
    textTokens,
    imageShapes,
    hiddenStates: packedTokens(
      { values: await readFinite(checkpoint, 'hidden_states', invalid), shape: hiddenShape },
      config,
    ),
    encoderHiddenStates: await readFinite(checkpoint, 'encoder_hidden_states', invalid),
    timestep,
    mask: await readMask(checkpoint, batch, textTokens, invalid),
  };
  const extra: Record<string, ExtraValues> = {};
  for (const input of extras) {
    extra[input.name] = { values: await readExtra(checkpoint, input, inputs, invalid), perSample: input.perSample };
  }
  return { ...inputs, extra };
}

/** One of the family's own inputs; positions that the file leaves out follow from its image shapes. */
async function readExtra(
  checkpoint: Checkpoint<DType>,
  input: ExtraInput,
  inputs: Omit<TransformerInputs, 'extra'>,
  invalid: Invalid,
): Promise<Float32Array> {
  const { name, source } = input;
  const expected = shapeOf(input, inputs);
  const info = checkpoint.tensors.get(name);
  if (!info) {
    const positions = source === 'positions' ? input.positions?.(inputs) : undefined;
    if (positions) return positions;
    throw invalid('A tensor is missing', name, `only ${[...checkpoint.tensors.keys()].join(', ')}`, shown(expected));
  }
  // Older pipelines give positions a batch dimension, of which diffusers reads the first sample.
  const perBatch = !input.perSample && info.shape.length === expected.length + 1;
  expectShape(name, perBatch ? info.shape.slice(1) : info.shape, expected, invalid);
  const values = await readFinite(checkpoint, name, invalid);
  return perBatch ? values.subarray(0, elementsOf(expected)) : values;
}

export type Invalid = (
  summary: string,
  tensor: string,
  found: string,
  expected: string,
  hint?: string,
) => ContiguaError;

/** Refuses what the memory cannot hold before any of it is read. */
export function refuseTooManySamples(
  { batch, imageTokens, textTokens }: Pick<TransformerInputs, 'batch' | 'imageTokens' | 'textTokens'>,
  { inChannels, textDim, width }: ModelConfig,
  use: 'states' | 'inputs',
  invalid: Invalid,
): void {
  const inputBytes = 4 * (imageTokens * inChannels + textTokens * textDim);
  const stateBytes = use === 'states' ? 4 * Math.max(imageTokens, textTokens) * width : 0;
  const byInputs = Math.floor(MAX_INPUT_BYTES / inputBytes);
  const byStates = stateBytes > 0 ? Math.floor(MAX_STATE_BYTES / stateBytes) : MAX_SAMPLES;
  const fitting = Math.min(byInputs, byStates, MAX_SAMPLES);
  if (batch <= fitting) return;
  const bytes = batch * (byStates < byInputs ? stateBytes : inputBytes);
  throw invalid(
    'There are too many samples to be held in memory',
    'hidden_states',
    `${batch} samples of ${imageTokens} image and ${textTokens} text tokens, ${(bytes / 1e9).toFixed(1)} GB as float32`,
    `at most ${fitting} samples of that size`,
    fitting > 0
      ? `Save ${fitting} samples or fewer: what is measured changes little beyond a few hundred.`
      : 'Save samples of fewer tokens.',
  );
}

function expectShape(tensor: string, found: readonly number[], expected: readonly number[], invalid: Invalid): void {
  if (found.join() !== expected.join()) throw invalid('Wrong shape', tensor, shown(found), shown(expected));
}

async function readFinite(checkpoint: Checkpoint<DType>, tensor: string, invalid: Invalid): Promise<Float32Array> {
  const info = checkpoint.tensors.get(tensor);
  if (info && !isFloatDType(info.dtype)) throw invalid('Wrong dtype', tensor, info.dtype, 'F32, BF16, F16 or F64');
  const values = await checkpoint.readFloat32(tensor);
  for (let at = 0; at < values.length; at++) {
    if (Number.isFinite(values[at])) continue;
    throw invalid('A value is not finite', tensor, `${values[at]} at element ${at}`, 'finite numbers', VALUES);
  }
  return values;
}

/** Time steps as numbers, whatever whole or real numbers they are stored as. */
async function readTimes(checkpoint: Checkpoint<DType>, invalid: Invalid): Promise<Float32Array> {
  const info = checkpoint.tensors.get('timestep');
  const read = info && INTEGERS[info.dtype];
  return read ? read(await checkpoint.readBytes('timestep')) : await readFinite(checkpoint, 'timestep', invalid);
}

/** Pipelines pass whole time steps as int64 or int32. */
const INTEGERS: Readonly<Record<string, (bytes: Uint8Array) => Float32Array>> = {
  I64: (bytes) => Float32Array.from(new BigInt64Array(bytes.slice().buffer), Number),
  I32: (bytes) => Float32Array.from(new Int32Array(bytes.slice().buffer)),
};

/** null when the file has no mask: then every token is valid. */
async function readMask(
  checkpoint: Checkpoint<DType>,
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
  file: string,
  code: ErrorCode,
  invalid: Invalid,
): TransformerInputs['imageShapes'] {
  const expected = 'JSON such as [[1, 8, 8]]: frames, height and width in tokens';
  if (json === undefined) throw invalid('The metadata has no img_shapes', 'img_shapes', 'nothing', expected);
  const parsed = parseJson(json, {
    file,
    tensor: 'img_shapes',
    code,
    notJson: 'img_shapes is not JSON',
    expected,
    hint: HINT,
    maxBytes: MAX_JSON_BYTES.index,
  });
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

function shown(shape: readonly (number | string)[]): string {
  return `[${shape.join(', ')}]`;
}
