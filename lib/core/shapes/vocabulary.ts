/**
 * The words of the sample model's grammar and what they look like: the TypeScript twin of training/shapes.py, which the
 * model was trained on. Order matters everywhere: a word's place is its token, a name's place is its number in a scene.
 */
export const PICTURE_SIZE = 32;
export const CELL_SIZE = 16;
export const PATCH_SIZE = 4;
export const MAX_OBJECTS = 3;
/** Four words per object and the background. */
export const CAPTION_TOKENS = 4 * MAX_OBJECTS + 1;

export const SIZES = ['small', 'large'] as const;
export const COLOURS = ['red', 'green', 'blue', 'yellow', 'purple', 'cyan'] as const;
export const SHAPES = ['circle', 'square', 'triangle', 'cross', 'ring'] as const;
/** Quadrants, row by row: an object's position is the quadrant it lies in. */
export const POSITIONS = ['top-left', 'top-right', 'bottom-left', 'bottom-right'] as const;
export const BACKGROUNDS = ['black', 'white', 'gray', 'brown'] as const;

export const PAD_TOKEN = 0;
export const NULL_TOKEN = 1;
/** Token id → word, as in the sample's text_encoder/vocab.json. */
export const VOCABULARY: readonly string[] = [
  '<pad>',
  '<null>',
  ...SIZES,
  ...COLOURS,
  ...SHAPES,
  ...POSITIONS,
  ...BACKGROUNDS,
];

/** Half the extent of an object in pixels, per size. */
export const RADII: readonly number[] = [4, 7];

export type Rgb = readonly [number, number, number];

const COLOUR_BYTES: readonly Rgb[] = [
  [220, 40, 40],
  [40, 170, 70],
  [40, 80, 220],
  [240, 210, 40],
  [170, 60, 200],
  [50, 200, 220],
];
const BACKGROUND_BYTES: readonly Rgb[] = [
  [20, 20, 20],
  [240, 240, 240],
  [128, 128, 128],
  [110, 70, 40],
];
const toUnit = ([r, g, b]: Rgb): Rgb => [r / 127.5 - 1, g / 127.5 - 1, b / 127.5 - 1];

/** Colours in [-1, 1], as pictures hold them. */
export const COLOUR_VALUES: readonly Rgb[] = COLOUR_BYTES.map(toUnit);
export const BACKGROUND_VALUES: readonly Rgb[] = BACKGROUND_BYTES.map(toUnit);
