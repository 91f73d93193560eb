/**
 * Reads a prompt as people type it ("a small red circle top left and a large blue cross in the bottom right on black")
 * into the grammar's caption. Attributes come in any order; a repeated attribute, "and", ";" or "." starts the next
 * object. Nothing is guessed: what the model was never trained on is an error that says what is missing.
 */
import { ContiguaError } from '../errors.ts';
import { captionWords, type EncodedCaption, encodeWords } from './caption.ts';
import { kindOf, type Scene } from './scene.ts';
import { BACKGROUNDS, COLOURS, MAX_OBJECTS, POSITIONS, SHAPES, SIZES } from './vocabulary.ts';

export interface ParsedPrompt {
  /** Vocabulary words in the order typed; empty for the null caption. */
  readonly words: readonly string[];
  /** What the picture must show, without jitter; null for the null caption, which states nothing. */
  readonly scene: Scene | null;
}

const FILLERS = new Set(
  'a an the in at on of with to is are its it there against before over background corner quadrant side picture image drawing colored coloured'.split(
    ' ',
  ),
);
const SYNONYMS: Readonly<Record<string, string>> = {
  grey: 'gray',
  big: 'large',
  little: 'small',
  upper: 'top',
  lower: 'bottom',
};
const OBJECT_ENDS = new Set(['and', 'plus', ';', '.']);
const VERTICALS = ['top', 'bottom'];
const HORIZONTALS = ['left', 'right'];
const SLOTS = { size: SIZES, colour: COLOURS, shape: SHAPES, vertical: VERTICALS, horizontal: HORIZONTALS } as const;
type Slot = keyof typeof SLOTS;
const SLOT_NAMES = Object.keys(SLOTS) as readonly Slot[];

/** Indices into the slot's words, and the words as typed. */
interface DraftObject {
  readonly slots: Map<Slot, number>;
  readonly typed: string[];
}

export function parsePrompt(text: string): ParsedPrompt {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed === '<null>') return { words: [], scene: null };
  const { objects, background } = readWords(trimmed);
  if (objects.length === 0) throw refuse('The prompt names no object', undefined, EXAMPLE);
  if (objects.length > MAX_OBJECTS) {
    throw refuse('The prompt names too many objects', String(objects.length), undefined, `at most ${MAX_OBJECTS}`);
  }
  const quadrants = [0, 0, 0, 0];
  const order: number[] = [];
  objects.forEach((object, index) => {
    const { quadrant, digit } = finish(object, index);
    if (quadrants[quadrant] !== 0) {
      throw refuse(`Two objects are in one place`, POSITIONS[quadrant], 'Give each object a quadrant of its own.');
    }
    quadrants[quadrant] = digit;
    order.push(quadrant);
  });
  if (background === null) {
    throw refuse('The prompt names no background', undefined, undefined, `one of ${BACKGROUNDS.join(', ')}`);
  }
  const scene: Scene = { background, quadrants, jitter: quadrants.map((): [number, number] => [0, 0]) };
  return { words: captionWords(scene, order), scene };
}

/** Token ids of a prompt; throws `prompt-invalid`. */
export function encodePrompt(text: string): EncodedCaption {
  return encodeWords(parsePrompt(text).words);
}

function readWords(text: string): { objects: DraftObject[]; background: number | null } {
  const objects: DraftObject[] = [];
  let background: number | null = null;
  let current: DraftObject | null = null;
  for (const typed of text.toLowerCase().match(/[\p{L}\p{N}<>']+|[;.]/gu) ?? []) {
    const word = SYNONYMS[typed] ?? typed;
    if (FILLERS.has(word)) continue;
    if (OBJECT_ENDS.has(word)) {
      current = null;
      continue;
    }
    const place: number = (BACKGROUNDS as readonly string[]).indexOf(word);
    if (place >= 0) {
      if (background !== null && background !== place) {
        throw refuse('The prompt names two backgrounds', `${BACKGROUNDS[background]} and ${word}`, BACKGROUND_HINT);
      }
      background = place;
      continue;
    }
    const slot = SLOT_NAMES.find((name) => (SLOTS[name] as readonly string[]).includes(word));
    if (slot === undefined)
      throw refuse(`The word "${typed}" is not in the model's vocabulary`, undefined, KNOWN_WORDS);
    if (current === null || current.slots.has(slot)) {
      current = { slots: new Map(), typed: [] };
      objects.push(current);
    }
    current.slots.set(slot, (SLOTS[slot] as readonly string[]).indexOf(word));
    current.typed.push(word);
  }
  return { objects, background };
}

function finish({ slots, typed }: DraftObject, index: number): { quadrant: number; digit: number } {
  const [size, colour, shape, vertical, horizontal] = SLOT_NAMES.map((name) => slots.get(name));
  const lacking = [
    ...(size === undefined ? [`a size (${SIZES.join(', ')})`] : []),
    ...(colour === undefined ? [`a colour (${COLOURS.join(', ')})`] : []),
    ...(shape === undefined ? [`a shape (${SHAPES.join(', ')})`] : []),
    ...(vertical === undefined || horizontal === undefined ? [`a position (${POSITIONS.join(', ')})`] : []),
  ];
  if (
    size === undefined ||
    colour === undefined ||
    shape === undefined ||
    vertical === undefined ||
    horizontal === undefined
  ) {
    throw refuse(`Object ${index + 1} lacks ${lacking.join(' and ')}`, `"${typed.join(' ')}"`, EXAMPLE);
  }
  return { quadrant: 2 * vertical + horizontal, digit: 1 + kindOf({ size, colour, shape }) };
}

const EXAMPLE = 'Try "small red circle top left and large blue cross bottom right on black".';
const BACKGROUND_HINT = `Objects are ${COLOURS.join(', ')}; ${BACKGROUNDS.join(', ')} are backgrounds.`;
const KNOWN_WORDS = `It knows ${[SIZES, COLOURS, SHAPES, POSITIONS, BACKGROUNDS].map((words) => words.join(', ')).join('; ')}.`;

function refuse(summary: string, found?: string, hint?: string, expected?: string): ContiguaError {
  return new ContiguaError('prompt-invalid', summary, { found, expected, hint });
}
