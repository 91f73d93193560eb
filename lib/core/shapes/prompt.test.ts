import { describe, expect, it } from 'vitest';
import { ContiguaError } from '../errors.ts';
import { captionOf } from './caption.ts';
import { encodePrompt, parsePrompt } from './prompt.ts';
import { BACKGROUNDS, CAPTION_TOKENS } from './vocabulary.ts';

function refusalOf(prompt: string): ContiguaError {
  try {
    parsePrompt(prompt);
  } catch (error) {
    if (error instanceof ContiguaError) return error;
    throw error;
  }
  throw new Error(`"${prompt}" was accepted`);
}
const captionFor = (prompt: string): string => parsePrompt(prompt).words.join(' ');

describe('parsePrompt', () => {
  it('reads prose, keeping the order of objects and moving the background last', () => {
    const prompt = 'On black: a small red circle in the top left, and a large blue cross at the bottom right.';
    expect(captionFor(prompt)).toBe('small red circle top-left large blue cross bottom-right black');
  });

  it.each([
    ['a small red circle top left on black'],
    ['small red circle top-left black'],
    ['Upper-left: little RED circle on a black background'],
    ['red circle, small, in the top left corner, against black'],
    ['circle red top small left black'],
  ])('reads %j as the one caption it means', (prompt) => {
    expect(captionFor(prompt)).toBe('small red circle top-left black');
  });

  it('starts the next object where an attribute repeats, without punctuation', () => {
    expect(captionFor('small red ring bottom left large cyan square top right gray')).toBe(
      'small red ring bottom-left large cyan square top-right gray',
    );
  });

  it('gives the scene that the picture has to show', () => {
    const { scene, words } = parsePrompt('large yellow triangle bottom right, small red circle top left, on white');
    expect(scene?.background).toBe(BACKGROUNDS.indexOf('white'));
    expect(scene && captionOf(scene, [3, 0])).toBe(words.join(' '));
  });

  it.each(['', '   ', '<null>'])('reads %j as the null caption, which states nothing', (prompt) => {
    expect(parsePrompt(prompt)).toEqual({ words: [], scene: null });
    expect(encodePrompt(prompt)).toEqual({ ids: [1, ...new Array(CAPTION_TOKENS - 1).fill(0)], valid: 1 });
  });

  it('names an unknown word and offers the vocabulary', () => {
    const error = refusalOf('a small pink circle top left on black');
    expect(error.code).toBe('prompt-invalid');
    expect(error.message).toContain('"pink"');
    expect(error.message).toContain('red, green, blue');
    expect(error.message).toContain('bottom-right');
  });

  it('refuses more than three objects', () => {
    const corner = (place: string) => `small red circle ${place}`;
    const error = refusalOf(
      `${['top left', 'top right', 'bottom left', 'bottom right'].map(corner).join(' and ')} black`,
    );
    expect(error.message).toMatch(/too many objects; found 4; expected at most 3/);
  });

  it('refuses two objects in one place, naming it', () => {
    expect(refusalOf('small red circle top left, large blue ring top left, black').message).toMatch(
      /one place; found top-left/,
    );
  });

  it.each([
    ['red circle top left and large blue ring top right on black', 'Object 1 lacks a size'],
    ['small red circle top left and large ring top right on black', 'Object 2 lacks a colour'],
    ['small red top left on black', 'Object 1 lacks a shape'],
    ['small red circle on black', 'Object 1 lacks a position'],
    ['small red circle top on black', 'Object 1 lacks a position'],
    ['small circle on black', 'a colour (red, green, blue, yellow, purple, cyan) and a position'],
    ['small red circle top left', 'names no background'],
    ['black', 'names no object'],
    ['small red circle top left on black and white', 'two backgrounds; found black and white'],
  ])('says what %j lacks', (prompt, message) => {
    const error = refusalOf(prompt);
    expect(error.code).toBe('prompt-invalid');
    expect(error.message).toContain(message);
  });
});
