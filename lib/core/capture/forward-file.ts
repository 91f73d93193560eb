/**
 * Reads a safetensors file whose tensors are named like diffusers' forward arguments: hidden_states [B, Ni, in] or
 * [B, C, H, W], encoder_hidden_states [B, Nt, text], encoder_hidden_states_mask [B, Nt] (optional), timestep [B], the family's own
 * inputs, and `img_shapes` as JSON in the file's metadata. An input of one row holds for every sample, as it does in diffusers.
 * An integer tensor prompt_group [B] (optional) numbers the prompts.
 * Everything is checked, values included, before anything is computed. Inputs of one forward may be whatever diffusers runs; a
 * calibration must be what a pipeline passes.
 */
import { type Checkpoint, type NamedBlob, openFile, type TensorInfo } from '../checkpoint/index.ts';
import { ContiguaError, type ErrorCode } from '../errors.ts';
import {
  categoryProblem,
  type ExtraInput,
  type ExtraValues,
  elementsOf,
  extraInputsOf,
  familyNamed,
  fitsHiddenStates,
  gridProblem,
  hiddenStatesShape,
  layoutProblem,
  type ModelConfig,
  packedTokens,
  pictureLayout,
  shapeOf,
  type TransformerInputs,
  tokenCounts,
} from '../model/index.ts';
import { type DType, integersOf, isFloatDType } from '../tensor/index.ts';
import { type ImageShapes, type Invalid, parseImageShapes } from './image-shapes.ts';

const HINT =
  'Name the tensors as the arguments of diffusers’ forward call and put img_shapes as JSON into the metadata.';
const MASK = 'encoder_hidden_states_mask';
/** No argument of diffusers: says which samples are of one prompt, where equal text inputs do not. */
const PROMPT_GROUP = 'prompt_group';
/** All that is read of a file; further tensors are left alone. */
export const FORWARD_TENSORS: readonly string[] = [
  'hidden_states',
  'encoder_hidden_states',
  MASK,
  'timestep',
  PROMPT_GROUP,
];
/** The file is laid out well; what is in it is not what a pipeline passes. */
const VALUES = 'Save the arguments of the forward call as the pipeline passes them.';

/** Of all inputs as float32, which are held at once. Twice that where they are cut into batches. */
const MAX_INPUT_BYTES = 2 ** 32;
/** Of one stream's states after one block, all samples: the largest array that Node makes holds 16 GiB. */
const MAX_STATE_BYTES = 2 ** 33;
const MAX_SAMPLES = 2 ** 17;

export interface ForwardFile {
  readonly inputs: TransformerInputs;
  /** [B], the group of each sample, numbered from 0 in the order of the samples; null where the file names none. */
  readonly promptGroups: Uint32Array | null;
}

/** Samples `from` to `to` − 1 of a file, which a file of these alone holds. */
export interface Portion {
  readonly from: number;
  readonly to: number;
}

/**
 * `use`: `states` are captured after each block, all samples at once; `inputs` are only passed on. `portion`: the samples that
 * the tensors of this file are, where its metadata is that of all of them.
 */
export async function readForwardFile(
  { path: file, blob }: NamedBlob,
  config: ModelConfig,
  code: ErrorCode & ('calibration-invalid' | 'inputs-invalid'),
  use: 'states' | 'inputs',
  portion?: Portion,
): Promise<ForwardFile> {
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
  const { batch: rows, imageTokens, grid } = tokenCounts(hiddenShape, config);
  const steps = checkpoint.tensors.get('timestep')?.shape ?? [];
  // Several time steps make samples of one row of states.
  const batch = rows === 1 && steps.length === 1 ? Math.max(rows, steps[0] ?? 0) : rows;
  const textShape = shapeOf('encoder_hidden_states', `[${batch}, text tokens, ${config.textDim}]`);
  const [, textTokens = 0] = textShape;
  const textRow = [textTokens, config.textDim];
  if (!isOneRow(textShape, textRow)) expectShape('encoder_hidden_states', textShape, [batch, ...textRow], invalid);
  const timeShape = shapeOf('timestep', `[${batch}]`);
  if (!isOneRow(timeShape, [])) expectShape('timestep', timeShape, [batch], invalid);
  if (batch * imageTokens * textTokens === 0) {
    throw invalid('There are no samples or no tokens', 'hidden_states', shown(hiddenShape), 'at least one of each');
  }
  const tooLarge = pictures && grid && gridProblem(grid, pictures);
  if (tooLarge) {
    const found = `${shown(hiddenShape)}, ${tooLarge.found}`;
    throw invalid('The picture is too large for the model', 'hidden_states', found, tooLarge.expected, VALUES);
  }
  refuseTooManySamples({ batch, imageTokens, textTokens }, config, use, invalid);
  const family = familyNamed(config.family);
  for (const [name, why] of Object.entries(family.refusedInputs?.(config) ?? {})) {
    if (!checkpoint.tensors.has(name)) continue;
    throw invalid('The model takes no such input', name, 'a tensor of that name', 'none', why);
  }
  const extras = extraInputsOf(config);
  const shapesText = checkpoint.metadata.get('img_shapes');
  // Where every position is a tensor of the file, shapes are not needed.
  const hasPositions = extras.some(({ source }) => source === 'positions');
  const positionsGiven =
    hasPositions && extras.every(({ name, source }) => source !== 'positions' || checkpoint.tensors.has(name));
  const shapes: ImageShapes = grid
    ? { first: [grid], perSample: undefined }
    : shapesText === undefined && positionsGiven
      ? { first: null, perSample: undefined }
      : parseImageShapes(shapesText, imageTokens, file, code, invalid);
  const perSample = portion ? shapes.perSample?.slice(portion.from, portion.to) : shapes.perSample;
  const layout = { batch, imageTokens, textTokens, imageShapes: shapes.first };
  const sizes = { ...layout, shapesOfSamples: perSample };
  const problem =
    layoutProblem(config, sizes) ??
    (code === 'calibration-invalid' ? (family.calibrationProblem?.(config, sizes) ?? null) : null);
  if (problem) throw invalid(problem.summary, problem.tensor, problem.found, problem.expected, VALUES);

  const { timeScale } = family;
  const timestep = perSampleRows(await readNumbers(checkpoint, 'timestep', invalid), batch, 1);
  const outside = code === 'calibration-invalid' ? timestep.find((t) => t < 0 || t > timeScale) : undefined;
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
    ...layout,
    // As many as there are samples, or the family has no use for them.
    ...(perSample?.length === batch ? { shapesOfSamples: perSample } : {}),
    hiddenStates: perSampleRows(
      packedTokens({ values: await readFinite(checkpoint, 'hidden_states', invalid), shape: hiddenShape }, config),
      batch,
      imageTokens * config.inChannels,
    ),
    encoderHiddenStates: perSampleRows(
      await readFinite(checkpoint, 'encoder_hidden_states', invalid),
      batch,
      textTokens * config.textDim,
    ),
    timestep,
    mask: family.takesMask ? await readMask(checkpoint, batch, textTokens, invalid) : null,
  };
  const extra: Record<string, ExtraValues> = {};
  for (const input of extras) {
    extra[input.name] = { values: await readExtra(checkpoint, input, inputs, invalid), perSample: input.perSample };
  }
  return { inputs: { ...inputs, extra }, promptGroups: await readPromptGroups(checkpoint, batch, invalid) };
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
  if (input.perSample && isOneRow(info.shape, expected.slice(1))) {
    return perSampleRows(
      await readExtraValues(checkpoint, input, invalid),
      inputs.batch,
      elementsOf(expected.slice(1)),
    );
  }
  // Older pipelines give positions a batch dimension, of which diffusers reads the first sample.
  const perBatch = !input.perSample && info.shape.length === expected.length + 1;
  expectShape(name, perBatch ? info.shape.slice(1) : info.shape, expected, invalid);
  const values = await readExtraValues(checkpoint, input, invalid);
  return perBatch ? values.subarray(0, elementsOf(expected)) : values;
}

async function readExtraValues(
  checkpoint: Checkpoint<DType>,
  input: ExtraInput,
  invalid: Invalid,
): Promise<Float32Array> {
  const { name, source } = input;
  // Layers take floats alone; positions and the guidance are cast.
  if (source === 'pooled-text') return await readFinite(checkpoint, name, invalid);
  if (source !== 'category') return await readNumbers(checkpoint, name, invalid);
  const info = checkpoint.tensors.get(name);
  if (info && !INDICES.includes(info.dtype)) throw invalid('Wrong dtype', name, info.dtype, INDICES.join(' or '));
  const values = await readNumbers(checkpoint, name, invalid);
  const problem = categoryProblem(input, values);
  if (problem) throw invalid(problem.summary, name, problem.found, problem.expected, VALUES);
  return values;
}

/** What PyTorch looks an embedding up with. */
const INDICES: readonly DType[] = ['I64', 'I32'];

/** Whether a tensor holds one row that is meant for every sample: [1, …row]. */
function isOneRow(shape: readonly number[], row: readonly number[]): boolean {
  return shape.join() === [1, ...row].join();
}

/** One row of `width` values for every sample, where there is only one. */
function perSampleRows(values: Float32Array, batch: number, width: number): Float32Array {
  if (values.length !== width || batch === 1) return values;
  const rows = new Float32Array(batch * width);
  for (let sample = 0; sample < batch; sample++) rows.set(values, sample * width);
  return rows;
}

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

/** Numbers that may be stored as integers, which PyTorch casts: pipelines pass whole time steps as int64. */
async function readNumbers(checkpoint: Checkpoint<DType>, tensor: string, invalid: Invalid): Promise<Float32Array> {
  const read = integersOf(checkpoint.tensors.get(tensor)?.dtype);
  if (!read) return await readFinite(checkpoint, tensor, invalid);
  return Float32Array.from(read(await checkpoint.readBytes(tensor)), Number);
}

async function readPromptGroups(
  checkpoint: Checkpoint<DType>,
  batch: number,
  invalid: Invalid,
): Promise<Uint32Array | null> {
  const info = checkpoint.tensors.get(PROMPT_GROUP);
  if (!info) return null;
  const hint = `Give every sample the number of its prompt, or leave ${PROMPT_GROUP} out: then equal text inputs are one prompt.`;
  if (info.shape.join() !== String(batch)) {
    throw invalid('Wrong shape', PROMPT_GROUP, shown(info.shape), `${shown([batch])}, one number per sample`, hint);
  }
  const read = integersOf(info.dtype);
  if (!read) throw invalid('Wrong dtype', PROMPT_GROUP, info.dtype, 'whole numbers, such as I64', hint);
  const numbers = new Map<number | bigint, number>();
  return Uint32Array.from(Array.from(read(await checkpoint.readBytes(PROMPT_GROUP))), (id) => {
    const known = numbers.get(id) ?? numbers.size;
    numbers.set(id, known);
    return known;
  });
}

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
  // A row of zeros is a sample without text, whose image attends to itself alone, as in diffusers.
  return isFloatDType(info.dtype)
    ? Uint8Array.from(await readFinite(checkpoint, MASK, invalid), (value) => (value === 0 ? 0 : 1))
    : nonZeroElements(await checkpoint.readBytes(MASK), info);
}

/** An integer or boolean is true if any of its bytes is not zero. */
function nonZeroElements(bytes: Uint8Array, { shape }: TensorInfo): Uint8Array {
  const count = shape.reduce((product, n) => product * n, 1);
  const width = bytes.length / count;
  return Uint8Array.from({ length: count }, (_, i) =>
    bytes.subarray(i * width, (i + 1) * width).some(Boolean) ? 1 : 0,
  );
}

function shown(shape: readonly (number | string)[]): string {
  return `[${shape.join(', ')}]`;
}
