/**
 * Latents as diffusers passes them, and as the rest of the product holds them: packed tokens [B, N, features], row by row,
 * features in the order channel, row, column of the patch. Families whose `hidden_states` are such tokens already pass through;
 * pictures [B, C, H, W] are cut here on the way in and put together on the way out.
 */
import { ContiguaError } from '../errors.ts';
import type { ModelConfig } from './architecture.ts';
import { familyNamed } from './families.ts';
import type { PictureLayout } from './family.ts';
import type { TransformerInputs } from './transformer.ts';

export interface ShapedValues {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

type Grid = readonly [frames: number, height: number, width: number];
/** Height and width of a picture's token grid. */
type Side = readonly [height: number, width: number];

export function pictureLayout(config: ModelConfig): PictureLayout | null {
  return familyNamed(config.family).pictures?.(config) ?? null;
}

/** Shape of `hidden_states`, for people: a size that the model leaves open is that of `found`, if it has as many, or its name. */
export function hiddenStatesShape(config: ModelConfig, found: readonly number[] = []): (number | string)[] {
  const pictures = pictureLayout(config);
  const shape = pictures
    ? ['samples', pictures.channels, 'height', 'width']
    : ['samples', 'image tokens', config.inChannels];
  return shape.map((size, i) => (typeof size === 'string' && found.length === shape.length ? found[i]! : size));
}

/** Whether a tensor of this shape can be the model's `hidden_states`. */
export function fitsHiddenStates(shape: readonly number[], config: ModelConfig): boolean {
  const expected = hiddenStatesShape(config);
  return shape.length === expected.length && expected.every((size, i) => typeof size === 'string' || size === shape[i]);
}

/** Samples and image tokens of `hidden_states` that fit the model; zero tokens where a picture is smaller than a patch. */
export function tokenCounts(
  shape: readonly number[],
  config: ModelConfig,
): { readonly batch: number; readonly imageTokens: number; readonly grid: Grid | null } {
  const pictures = pictureLayout(config);
  const [batch = 0, second = 0, third = 0, fourth = 0] = shape;
  if (!pictures) return { batch, imageTokens: second, grid: null };
  const [height, width] = [Math.floor(third / pictures.patchSize), Math.floor(fourth / pictures.patchSize)];
  return { batch, imageTokens: height * width, grid: [1, height, width] };
}

/** What a grid is refused for, or null. */
export function gridProblem(
  [frames, height, width]: Grid,
  { maxPatches, limitedBy, patchSize }: PictureLayout,
): { readonly found: string; readonly expected: string } | null {
  if (frames === 1 && Math.max(height, width) <= maxPatches) return null;
  return {
    found: frames === 1 ? `${height} × ${width} patches of ${patchSize} × ${patchSize}` : `${frames} frames`,
    expected: `one picture of at most ${maxPatches} × ${maxPatches} patches, by ${limitedBy}`,
  };
}

/** `hidden_states` as packed tokens. */
export function packedTokens({ values, shape }: ShapedValues, config: ModelConfig): Float32Array {
  const pictures = pictureLayout(config);
  if (!pictures) return values;
  const [batch = 0, , height = 0, width = 0] = shape;
  const { channels, patchSize } = pictures;
  const side: Side = [Math.floor(height / patchSize), Math.floor(width / patchSize)];
  const tokens = new Float32Array(batch * side[0] * side[1] * config.inChannels);
  let at = 0;
  eachFeature(batch, side, patchSize, channels, (sample, channel, row, column) => {
    tokens[at++] = values[((sample * channels + channel) * height + row) * width + column]!;
  });
  return tokens;
}

/** The model's output tokens as diffusers' `sample`. */
export function sampleOf(tokens: Float32Array, inputs: TransformerInputs, config: ModelConfig): ShapedValues {
  return unpacked(tokens, inputs, config, config.outputFeatures, pictureLayout(config)?.outChannels);
}

/** The inputs' tokens as diffusers' `hidden_states`. */
export function hiddenStatesOf(inputs: TransformerInputs, config: ModelConfig): ShapedValues {
  return unpacked(inputs.hiddenStates, inputs, config, config.inChannels, pictureLayout(config)?.channels);
}

function unpacked(
  tokens: Float32Array,
  { batch, imageTokens, imageShapes }: TransformerInputs,
  config: ModelConfig,
  features: number,
  channels: number | undefined,
): ShapedValues {
  const pictures = pictureLayout(config);
  if (!pictures || channels === undefined) return { values: tokens, shape: [batch, imageTokens, features] };
  const [, rows, columns] = imageShapes?.[0] ?? [];
  if (rows === undefined || columns === undefined) {
    throw new ContiguaError('inputs-invalid', 'The size of the picture is missing', { tensor: 'hidden_states' });
  }
  const { patchSize } = pictures;
  const [height, width] = [rows * patchSize, columns * patchSize];
  const values = new Float32Array(batch * channels * height * width);
  let at = 0;
  eachFeature(batch, [rows, columns], patchSize, channels, (sample, channel, row, column) => {
    values[((sample * channels + channel) * height + row) * width + column] = tokens[at++]!;
  });
  return { values, shape: [batch, channels, height, width] };
}

/** Every feature of every token, in the order in which they are packed. */
function eachFeature(
  batch: number,
  [height, width]: Side,
  patchSize: number,
  channels: number,
  visit: (sample: number, channel: number, row: number, column: number) => void,
): void {
  for (let sample = 0; sample < batch; sample++) {
    for (let i = 0; i < height * width; i++) {
      const [top, left] = [Math.floor(i / width) * patchSize, (i % width) * patchSize];
      for (let channel = 0; channel < channels; channel++) {
        for (let row = top; row < top + patchSize; row++) {
          for (let column = left; column < left + patchSize; column++) visit(sample, channel, row, column);
        }
      }
    }
  }
}
