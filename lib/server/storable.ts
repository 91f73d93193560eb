/**
 * What the database can hold. PostgreSQL has no NUL in text and no half surrogate pairs in JSON, and a reader of JSON
 * recurses: input with any of these is refused with the place of it, before a statement fails on it. Text that the server
 * writes itself (an error's message, a device's name) is mended instead, since its event must not be lost.
 */
import { ContiguaError } from '../core/errors.ts';

const MAX_DEPTH = 64;
const HALF_PAIR = /\p{Cs}/gu;

/** Throws `settings-invalid` where some string, key or depth of it cannot be stored. */
export function assertStorable(input: unknown): void {
  const open: { readonly value: unknown; readonly path: readonly string[] }[] = [{ value: input, path: [] }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, path } = next;
    const isText = typeof value === 'string';
    if (isText && storableText(value) !== value)
      throw refused(path, 'a character that cannot be stored (U+0000 or half a pair)');
    if (path.length > MAX_DEPTH) throw refused(path.slice(0, 3), `more than ${MAX_DEPTH} levels`);
    if (isText || typeof value !== 'object' || value === null) continue;
    for (const [key, inner] of Object.entries(value)) {
      if (storableText(key) !== key) throw refused([...path, key], 'a name that cannot be stored');
      open.push({ value: inner, path: [...path, key] });
    }
  }
}

/** The same text, with U+FFFD for what cannot be stored. */
export function storableText(text: string): string {
  return text.replaceAll('\0', '\ufffd').replace(HALF_PAIR, '\ufffd');
}

function refused(path: readonly string[], found: string): ContiguaError {
  const place = path.length === 0 ? 'The request' : `\`${path.join('.')}\``;
  return new ContiguaError('settings-invalid', `${place} cannot be stored`, { found });
}
