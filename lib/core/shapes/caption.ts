/**
 * Captions: a scene in the vocabulary's words, and words as the fixed-length token ids that the model is fed. Free text is
 * read by prompt.ts; here every word is known.
 */
import { ContiguaError } from '../errors.ts';
import { type Scene, splitKind } from './scene.ts';
import {
  BACKGROUNDS,
  CAPTION_TOKENS,
  COLOURS,
  NULL_TOKEN,
  PAD_TOKEN,
  POSITIONS,
  SHAPES,
  SIZES,
  VOCABULARY,
} from './vocabulary.ts';

/** What a bundled text encoder is: a table with a row per word, and for models without text positions one with a row per place. */
export interface SampleAssets {
  readonly vocabulary: readonly string[];
  /** [vocabulary, textDim] */
  readonly embeddings: Float32Array;
  /** [13, textDim], added to the words' rows, or null. */
  readonly positions: Float32Array | null;
  readonly textDim: number;
}

export interface EncodedCaption {
  /** [13], padded with 0. */
  readonly ids: readonly number[];
  /** How many of them count; the others are masked. */
  readonly valid: number;
}

/** "size colour shape position" of each object in the given order of quadrants (row by row if none is given), then the background. */
export function captionWords(scene: Scene, order: readonly number[] = [0, 1, 2, 3]): string[] {
  const objects = order.flatMap((q) => {
    const digit = scene.quadrants[q] ?? 0;
    if (digit === 0) return [];
    const { size, colour, shape } = splitKind(digit - 1);
    return [SIZES[size]!, COLOURS[colour]!, SHAPES[shape]!, POSITIONS[q]!];
  });
  return [...objects, BACKGROUNDS[scene.background]!];
}

export function captionOf(scene: Scene, order?: readonly number[]): string {
  return captionWords(scene, order).join(' ');
}

/** Token ids of vocabulary words; no words at all is the null caption, which classifier-free guidance pushes away from. */
export function encodeWords(words: readonly string[]): EncodedCaption {
  const tokens = words.length === 0 ? [NULL_TOKEN] : words.map(tokenOf);
  if (tokens.length > CAPTION_TOKENS) {
    throw new ContiguaError('prompt-invalid', 'The caption is too long', {
      found: `${tokens.length} words`,
      expected: `at most ${CAPTION_TOKENS}`,
    });
  }
  const padding = new Array<number>(CAPTION_TOKENS - tokens.length).fill(PAD_TOKEN);
  return { ids: [...tokens, ...padding], valid: tokens.length };
}

function tokenOf(word: string): number {
  const token = VOCABULARY.indexOf(word);
  if (token < 0) throw new ContiguaError('prompt-invalid', `The word "${word}" is not in the vocabulary`);
  return token;
}

/** Text states of a caption: [13, textDim]. */
export function embedCaption({ textDim, embeddings, positions }: SampleAssets, caption: EncodedCaption): Float32Array {
  const states = new Float32Array(caption.ids.length * textDim);
  caption.ids.forEach((id, token) => {
    states.set(embeddings.subarray(id * textDim, (id + 1) * textDim), token * textDim);
  });
  return positions ? states.map((value, i) => value + positions[i]!) : states;
}

/** Mean of the words' rows over the valid tokens [textDim]: what stands in for a pooled prompt. */
export function pooledCaption({ textDim, embeddings }: SampleAssets, { ids, valid }: EncodedCaption): Float32Array {
  return Float32Array.from({ length: textDim }, (_, feature) => {
    let sum = 0;
    for (let token = 0; token < valid; token++) sum += embeddings[ids[token]! * textDim + feature]!;
    return sum / valid;
  });
}

/** Whether a vocabulary is this grammar's, so that prompts, preview and checker mean something for its model. */
export function isShapesVocabulary(words: readonly string[]): boolean {
  return words.length === VOCABULARY.length && words.every((word, token) => word === VOCABULARY[token]);
}
