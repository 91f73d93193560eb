import { describe, expect, it } from 'vitest';
import { asContiguaError, ContiguaError } from './errors.ts';
import { elided, printable, printableDocument, printableLines } from './printable.ts';

describe('printable text', () => {
  it.each<[string, string, string]>([
    ['colours and cursor movements', 'a\u001b[31mb\u001b[2J', 'a\\x1b[31mb\\x1b[2J'],
    ['a window title', '\u001b]0;owned\u0007', '\\x1b]0;owned\\x07'],
    ['a C1 introducer', '\u009b2J', '\\x9b2J'],
    ['line breaks and tabs', 'a\r\nb\tc', 'a\\r\\nb\\tc'],
    ['NUL and DEL', '\u0000\u007f', '\\x00\\x7f'],
    ['a reversed reading order', 'run\u202egnp.exe\u2069', 'run\\u{202e}gnp.exe\\u{2069}'],
    ['zero-width characters', 'a\u200bb\u2060c\ufeffd\u00ad', 'a\\u{200b}b\\u{2060}c\\u{feff}d\\xad'],
    ['line and paragraph separators', 'a\u2028b\u2029', 'a\\u{2028}b\\u{2029}'],
    ['half a surrogate pair', 'a\ud800b', 'a\\u{d800}b'],
    ['letters that are blank', 'a\u3164b\u2800', 'a\\u{3164}b\\u{2800}'],
    ['tags', 'a\u{e0041}', 'a\\u{e0041}'],
  ])('shows %s instead of obeying them', (_, text, shown) => {
    expect(printable(text)).toBe(shown);
    expect(printable(shown)).toBe(shown);
  });

  it('leaves what people write alone', () => {
    for (const text of ['Nacht 3 → 4', 'größe', '模型', 'модель', 'نموذج', 'a\\nb', '🙂', 'ĥ − h‖']) {
      expect(printable(text)).toBe(text);
    }
  });

  it('is bounded, with the beginning and the end kept', () => {
    expect(elided('abcdefghij', 10)).toBe('abcdefghij');
    expect(elided('abcdefghijk', 9)).toBe('abc … ijk');
    const long = printable('\u001b'.repeat(1e6));
    expect(long.length).toBeLessThanOrEqual(2000);
    expect(printable(long)).toBe(long);
    expect(elided('🙂'.repeat(50), 20)).not.toMatch(/\p{Cs}/u);
  });

  it('of several lines is indented after the first, so that none looks like a line of its own', () => {
    expect(printableLines('Error: a\nGET /forged 200\r\n\u001b[2J    at b')).toBe(
      'Error: a\n    GET /forged 200\n    \\x1b[2J    at b',
    );
    expect(printableLines('x\n'.repeat(1000)).split('\n').length).toBe(201);
  });
});

describe('a document for a terminal', () => {
  it('keeps its line feeds, and means the same as JSON', () => {
    const value = { name: 'a\u009b2J\u202e\u007f\u{e0041}', more: [1, '\u001b'] };
    const shown = printableDocument(`${JSON.stringify(value, null, 2)}\n`);
    expect(shown).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
    expect(JSON.parse(shown)).toEqual(value);
    expect(shown.split('\n').length).toBe(8);
  });
});

describe('the message of an error', () => {
  it('is safe to print, whatever names are in it', () => {
    const error = new ContiguaError('weight-missing', 'No \u001b[2Jtensor', {
      file: 'a\r\nb.safetensors',
      tensor: '\u202eblocks',
      found: '\u0000',
      expected: 'one\u2028',
      hint: 'Look\u0007.',
    });
    expect(error.message).toBe(
      'a\\r\\nb.safetensors › \\u{202e}blocks: No \\x1b[2Jtensor; found \\x00; expected one\\u{2028}. Look\\x07.',
    );
    expect(Object.values(error.details).join()).not.toMatch(/[\p{Cc}\p{Cf}\u2028]/u);
    expect(asContiguaError(new Error('a\u001bb')).message).toBe('a\\x1bb');
  });

  it('is bounded, part by part, so that a huge name hides none of the others', () => {
    const huge = 'n'.repeat(1e5);
    const error = new ContiguaError('weight-missing', `No such tensor ${huge}`, {
      file: `${huge}.safetensors`,
      tensor: huge,
      found: huge,
      expected: `${huge} or nothing`,
      hint: 'Ask for another.',
    });
    expect(error.message.length).toBeLessThan(2000);
    expect(error.message).toMatch(
      /^nn.*\.safetensors › n.*: No such tensor n.*; found n.*; expected n.* or nothing\. Ask/,
    );
    for (const part of [error.summary, ...Object.values(error.details)]) expect(part.length).toBeLessThanOrEqual(400);
    const again = new ContiguaError(error.code, error.summary, error.details);
    expect([again.message, again.details]).toEqual([error.message, error.details]);
    expect(asContiguaError(new Error(huge)).message.length).toBeLessThan(2000);
  });
});
