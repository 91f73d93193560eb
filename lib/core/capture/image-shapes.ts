/** `img_shapes` of a forward file: JSON in its metadata, of one image per sample or of a list of images per sample. */
import type { ContiguaError, ErrorCode } from '../errors.ts';
import { MAX_JSON_BYTES, parseJson } from '../json-text.ts';
import type { TransformerInputs } from '../model/index.ts';

/** Makes the error about one input of a file. */
export type Invalid = (
  summary: string,
  tensor: string,
  found: string,
  expected: string,
  hint?: string,
) => ContiguaError;

export interface ImageShapes {
  /** Of the first sample: diffusers takes every sample's positions from these. */
  readonly first: TransformerInputs['imageShapes'];
  /** Of each entry, where they are not all alike. */
  readonly perSample: TransformerInputs['shapesOfSamples'];
}

const EXPECTED = 'JSON such as [[1, 8, 8]]: frames, height and width in tokens';
const HINT = 'Put the argument img_shapes as JSON into the metadata: a list with one entry per sample, or one for all.';

/** `[[f, h, w], …]`, one image per sample, or `[[[f, h, w], …], …]`, a list of images per sample. */
export function parseImageShapes(
  json: string | undefined,
  imageTokens: number,
  file: string,
  code: ErrorCode,
  invalid: Invalid,
): ImageShapes {
  if (json === undefined) throw invalid('The metadata has no img_shapes', 'img_shapes', 'nothing', EXPECTED);
  const parsed = parseJson(json, {
    file,
    tensor: 'img_shapes',
    code,
    notJson: 'img_shapes is not JSON',
    expected: EXPECTED,
    hint: HINT,
    maxBytes: MAX_JSON_BYTES.index,
  });
  const samples = Array.isArray(parsed) ? parsed.map((entry: unknown) => (isTriple(entry) ? [entry] : entry)) : [];
  const [first] = samples;
  if (!samples.every(isImageList) || !isImageList(first)) {
    throw invalid('img_shapes is unusable', 'img_shapes', json.slice(0, 80), EXPECTED, HINT);
  }
  const tokens = first.reduce((sum, [frames, height, width]) => sum + frames * height * width, 0);
  if (tokens !== imageTokens) {
    throw invalid('img_shapes do not add up', 'img_shapes', `${tokens} tokens`, `${imageTokens}, as in hidden_states`);
  }
  const one = JSON.stringify(first);
  return { first, perSample: samples.every((sample) => JSON.stringify(sample) === one) ? undefined : samples };
}

function isImageList(value: unknown): value is [number, number, number][] {
  return Array.isArray(value) && value.length > 0 && value.every(isTriple);
}

function isTriple(value: unknown): value is [number, number, number] {
  return Array.isArray(value) && value.length === 3 && value.every((n) => Number.isSafeInteger(n) && n > 0);
}
