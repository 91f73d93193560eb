/** Positions of FLUX.2's tokens as its pipelines number them: (image, row, column, place in the text). */
import type { InputLayout } from '../family.ts';
import { AXES } from './config.ts';

/** Reference images lie this far apart on the first axis; the picture that is drawn lies at 0. */
const IMAGE_STEP = 10;

/** [Ni, 4] */
export function imageIds({ imageShapes, imageTokens }: InputLayout): Float32Array<ArrayBuffer> {
  const ids = new Float32Array(imageTokens * AXES);
  let token = 0;
  (imageShapes ?? []).forEach(([frames, height, width], image) => {
    for (let i = 0; i < frames * height * width; i++, token++) {
      ids.set([IMAGE_STEP * image, Math.floor(i / width) % height, i % width, 0], token * AXES);
    }
  });
  return ids;
}

/** [Nt, 4] */
export function textIds({ textTokens }: InputLayout): Float32Array<ArrayBuffer> {
  const ids = new Float32Array(textTokens * AXES);
  for (let token = 0; token < textTokens; token++) ids[token * AXES + AXES - 1] = token;
  return ids;
}
