/** The sample model's grammar: scenes, captions, prompts, pictures and the checker that reads them back. */
export type { EncodedCaption, SampleAssets } from './caption.ts';
export { captionOf, captionWords, embedCaption, encodeWords, isShapesVocabulary, pooledCaption } from './caption.ts';
export type { FactVerdict, PictureReading } from './check.ts';
export { checkPicture, readPicture } from './check.ts';
export { COUNTED_PICTURES, DRAWING } from './drawing.ts';
export type { ParsedPrompt } from './prompt.ts';
export { encodePrompt, parsePrompt } from './prompt.ts';
export { packPicture, pictureRgba, renderScene, unpackPicture } from './render.ts';
export type { IntegerSource, Kind, Scene } from './scene.ts';
export { isHeldOut, kindOf, randomScene, sceneId, shuffledQuadrants, splitKind } from './scene.ts';
export {
  BACKGROUNDS,
  CAPTION_TOKENS,
  COLOURS,
  PATCH_SIZE,
  PICTURE_SIZE,
  POSITIONS,
  SHAPES,
  SIZES,
  VOCABULARY,
} from './vocabulary.ts';
