/**
 * Makes text from files, requests and other processes safe to show in a terminal, a log line or a message. Such text may
 * hold escape sequences that a terminal obeys, line breaks that forge a log line, or invisible characters that change the
 * reading order. They are replaced by visible escapes, and the length is bounded. Applying it twice changes nothing more.
 */

/** C0, C1 and DEL (Cc); bidirectional controls, zero-width and other invisible ones (Cf); U+2028, U+2029; lone surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
/** Hangul fillers and the empty Braille pattern: letters and symbols to Unicode, blank on a screen. */
const BLANK = /[\u115f\u1160\u2800\u3164\uffa0]/gu;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const MAX_LENGTH = 2000;
const ELLIPSIS = ' … ';

/** One line, of at most `maxLength` UTF-16 units; the middle of a longer text is left out. */
export function printable(text: string, maxLength = MAX_LENGTH): string {
  // Escapes are longer than what they stand for: cut before, so that a huge text costs little, and after.
  return elided(elided(text, maxLength).replace(UNPRINTABLE, escaped).replace(BLANK, escaped), maxLength);
}

/** Several lines, such as a stack: each made printable, and all but the first indented, so that none can pose as another entry. */
export function printableLines(text: string, maxLines = 200): string {
  const lines = text.split(/\r?\n/);
  const left = lines.length - maxLines;
  const shown = left > 0 ? [...lines.slice(0, maxLines), `… ${left} more lines`] : lines;
  return shown.map((line, i) => (i === 0 ? '' : '    ') + printable(line)).join('\n');
}

/**
 * A whole document for a terminal, JSON included: line feeds stay, and of the rest what is unsafe becomes `\uXXXX`, which
 * means the same inside a string of JSON. Names within a line of text need `printable`, as they may hold line feeds.
 */
export function printableDocument(text: string): string {
  const inJson = (character: string) =>
    [...Array(character.length).keys()]
      .map((i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`)
      .join('');
  return text.replace(UNPRINTABLE, (character) => (character === '\n' ? character : inJson(character)));
}

/** The beginning and the end, with an ellipsis between them where the text is longer than `maxLength`. */
export function elided(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const kept = Math.max(0, maxLength - ELLIPSIS.length);
  const head = Math.ceil(kept / 2);
  const start = text.slice(0, head).replace(/[\ud800-\udbff]$/, '');
  const end = text.slice(text.length - (kept - head)).replace(/^[\udc00-\udfff]/, '');
  return `${start}${ELLIPSIS}${end}`;
}

function escaped(character: string): string {
  const short = SHORT[character];
  if (short !== undefined) return short;
  const code = (character.codePointAt(0) ?? 0).toString(16);
  return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u{${code}}`;
}
