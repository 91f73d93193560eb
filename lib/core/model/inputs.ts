/** One forward's inputs: checked against the model before any tensor is made, completed where a family wants more, and cut by sample. */
import { ContiguaError } from '../errors.ts';
import { elementsOf, type ModelConfig, type ModelStream } from './architecture.ts';
import { familyNamed } from './families.ts';
import type { BatchLayout, ExtraInput, InputProblem } from './family.ts';
import { gridProblem, pictureLayout } from './latents.ts';
import type { ExtraValues, TransformerInputs } from './transformer.ts';

/** Qwen-Image's rotary tables hold as many rows, half of them on each side of the centre; far above any picture of other families. */
const MAX_SIDE = 8192;

/** `imageShapes`: whether positions follow from them alone. */
export function checkInputs(
  inputs: TransformerInputs,
  config: ModelConfig,
  { imageShapes: need }: { readonly imageShapes: 'required' | 'optional' },
): void {
  const { batch, imageTokens, textTokens, imageShapes } = inputs;
  const invalid = (tensor: string, summary: string, found: string, expected: string) =>
    new ContiguaError('inputs-invalid', summary, { tensor, found, expected });
  const expectLength = (tensor: string, found: number, shape: readonly number[]) => {
    const expected = elementsOf(shape);
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
  for (const input of extraInputsOf(config)) {
    const given = inputs.extra[input.name];
    const shape = shapeOf(input, inputs);
    if (!given) throw invalid(input.name, 'An input is missing', 'nothing', `[${shape.join(', ')}]`);
    expectLength(input.name, given.values.length, shape);
    const problem = categoryProblem(input, given.values);
    if (problem) throw invalid(input.name, problem.summary, problem.found, problem.expected);
  }
  if (!imageShapes) {
    if (need === 'optional') return;
    throw invalid('img_shapes', 'The image shapes are missing', 'nothing', 'frames, height and width in tokens');
  }
  for (const shape of imageShapes) {
    if (shape.some((n) => !Number.isSafeInteger(n) || n < 1 || n > MAX_SIDE)) {
      throw invalid(
        'img_shapes',
        'Unusable image shape',
        JSON.stringify(shape),
        `frames, height, width from 1 to ${MAX_SIDE}`,
      );
    }
  }
  const pictures = pictureLayout(config);
  for (const shape of pictures ? imageShapes : []) {
    const problem = pictures && gridProblem(shape, pictures);
    if (problem) throw invalid('hidden_states', 'Unusable picture size', problem.found, problem.expected);
  }
  const tokens = imageShapes.reduce((sum, shape) => sum + elementsOf(shape), 0);
  if (tokens !== imageTokens) {
    throw invalid(
      'img_shapes',
      'Image shapes do not add up to the image tokens',
      `${JSON.stringify(imageShapes)} = ${tokens} tokens`,
      `${imageTokens} tokens, as in hidden_states`,
    );
  }
  const problem = layoutProblem(config, inputs);
  if (problem) throw invalid(problem.tensor, problem.summary, problem.found, problem.expected);
}

/** What the family says against the sizes of the inputs. */
export function layoutProblem(config: ModelConfig, layout: BatchLayout): InputProblem | null {
  return familyNamed(config.family).layoutProblem?.(config, layout) ?? null;
}

/** A value of an input that names rows of an embedding, and names none. */
export function categoryProblem({ name, categories }: ExtraInput, values: Float32Array): InputProblem | null {
  if (categories === undefined) return null;
  const at = values.findIndex((value) => !Number.isInteger(value) || value < 0 || value >= categories);
  if (at < 0) return null;
  return {
    tensor: name,
    summary: 'The embedding has no such row',
    found: `${values[at]} at element ${at}`,
    expected: `whole numbers from 0 to ${categories - 1}`,
  };
}

/** `imageShapes` of one square picture of `side` × `side` tokens. */
export function squarePicture(side: number): readonly [readonly [frames: 1, height: number, width: number]] {
  return [[1, side, side]];
}

/** Tokens of a stream in one sample. */
export function streamTokens({ imageTokens, textTokens }: TransformerInputs, { input }: ModelStream): number {
  return input === 'hidden_states' ? imageTokens : textTokens;
}

/** [B, N] of a stream's tokens, 1 = valid; null when every token is. */
export function streamMask({ mask }: TransformerInputs, { input }: ModelStream): Uint8Array | null {
  return input === 'encoder_hidden_states' ? mask : null;
}

export function extraInputsOf(config: ModelConfig): readonly ExtraInput[] {
  return familyNamed(config.family).extraInputs(config);
}

/** Whether the guidance scale is an input, so that one pass a step does what classifier-free guidance takes two for. */
export function embedsGuidance(config: ModelConfig): boolean {
  return extraInputsOf(config).some(({ source }) => source === 'guidance');
}

/** Of the whole batch. */
export function shapeOf(input: ExtraInput, inputs: Omit<TransformerInputs, 'extra'>): readonly number[] {
  const shape = input.shape(inputs);
  return input.perSample ? [inputs.batch, ...shape] : shape;
}

/** Values of an extra input that `checkInputs` has seen. */
export function extraOf({ extra }: TransformerInputs, name: string): Float32Array {
  const given = extra[name];
  if (!given) throw new RangeError(`No input ${name}`);
  return given.values;
}

export interface TextFacts {
  /** Pooled text of each sample [B, width], for families that take it. */
  readonly pooled: (width: number) => Float32Array;
  /** Guidance scale of every sample, for models that take it as an input. */
  readonly guidance: number;
}

/**
 * Inputs at noise levels, which `timestep` holds, as the family takes them: time in its units, positions from the image shapes,
 * the pooled text, the guidance scale.
 */
export function completeInputs(
  inputs: Omit<TransformerInputs, 'extra'>,
  config: ModelConfig,
  { pooled, guidance }: TextFacts,
): TransformerInputs {
  const extra: Record<string, ExtraValues> = {};
  for (const input of extraInputsOf(config)) {
    const { name, source, perSample } = input;
    const values = {
      positions: () => input.positions?.(inputs),
      guidance: () => new Float32Array(inputs.batch).fill(guidance),
      'pooled-text': () => pooled(elementsOf(input.shape(inputs))),
      category: () => new Float32Array(elementsOf(shapeOf(input, inputs))),
    }[source]();
    if (!values) {
      throw new ContiguaError('checkpoint-unsupported', 'No pipeline says which positions this model’s tokens have', {
        tensor: name,
        found: `[tokens, ${input.shape(inputs).at(-1)}]`,
        expected: 'a model whose positions have the published number of axes',
        hint: 'Give the positions in a file of inputs to `contigua forward`.',
      });
    }
    extra[name] = { values, perSample };
  }
  // A family without a mask reads padded tokens as it reads all others.
  const { takesMask, timeScale } = familyNamed(config.family);
  return {
    ...inputs,
    mask: takesMask ? inputs.mask : null,
    timestep: inputs.timestep.map((level) => level * timeScale),
    extra,
  };
}

/** The samples at `places`, in that order, as inputs of their own. */
export function pickSamples(inputs: TransformerInputs, places: ArrayLike<number>): TransformerInputs {
  const { batch, mask } = inputs;
  const picked = <A extends Float32Array | Uint8Array>(values: A): A => {
    const size = values.length / batch;
    const rows = new (values.constructor as new (length: number) => A)(places.length * size);
    for (let i = 0; i < places.length; i++) {
      rows.set(values.subarray(places[i]! * size, (places[i]! + 1) * size), i * size);
    }
    return rows;
  };
  const extra = Object.entries(inputs.extra).map(
    ([name, { values, perSample }]) => [name, { values: perSample ? picked(values) : values, perSample }] as const,
  );
  const shapes = inputs.shapesOfSamples;
  return {
    ...inputs,
    batch: places.length,
    ...(shapes ? { shapesOfSamples: Array.from(places, (place) => shapes[place]!) } : {}),
    hiddenStates: picked(inputs.hiddenStates),
    encoderHiddenStates: picked(inputs.encoderHiddenStates),
    timestep: picked(inputs.timestep),
    mask: mask && picked(mask),
    extra: Object.fromEntries(extra),
  };
}

/** Samples of inputs that were cut from one, one after the other. */
export function joinSamples(parts: readonly [TransformerInputs, ...TransformerInputs[]]): TransformerInputs {
  const [first] = parts;
  if (parts.length === 1) return first;
  const joined = <A extends Float32Array | Uint8Array>(valuesOf: (inputs: TransformerInputs) => A): A => {
    const pieces = parts.map(valuesOf);
    const size = pieces.reduce((sum, { length }) => sum + length, 0);
    const all = new (pieces[0]!.constructor as new (length: number) => A)(size);
    let at = 0;
    for (const piece of pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  };
  const extra = Object.entries(first.extra).map(([name, { values, perSample }]) => {
    return [name, { values: perSample ? joined((one) => one.extra[name]!.values) : values, perSample }] as const;
  });
  return {
    ...first,
    batch: parts.reduce((sum, { batch }) => sum + batch, 0),
    ...(first.shapesOfSamples ? { shapesOfSamples: parts.flatMap((one) => one.shapesOfSamples ?? []) } : {}),
    hiddenStates: joined((one) => one.hiddenStates),
    encoderHiddenStates: joined((one) => one.encoderHiddenStates),
    timestep: joined((one) => one.timestep),
    mask: first.mask && joined((one) => one.mask!),
    extra: Object.fromEntries(extra),
  };
}

/** Samples `from` to `to − 1`. */
export function sliceSamples(inputs: TransformerInputs, from: number, to: number): TransformerInputs {
  return pickSamples(
    inputs,
    Array.from({ length: to - from }, (_, i) => from + i),
  );
}
