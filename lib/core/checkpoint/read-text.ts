/** A whole text file, refused by its size before a byte of it is read. */
import { ContiguaError } from '../errors.ts';
import { type JsonSource, parseJson, tooLargeJson } from '../json-text.ts';
import { readRange } from './read-range.ts';
import type { NamedBlob } from './types.ts';

type TextSource = Pick<JsonSource, 'code' | 'maxBytes' | 'hint'>;

/** UTF-8, a byte order mark left out. Rejects with the source's code for a file that is too large or not UTF-8. */
export async function readText({ path: file, blob }: NamedBlob, source: TextSource): Promise<string> {
  if (blob.size > source.maxBytes) throw tooLargeJson(blob.size, { ...source, file });
  const bytes = await readRange(blob, file, 0, blob.size);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ContiguaError(source.code, 'Not readable as text', {
      file,
      found: 'bytes that are not UTF-8',
      expected: 'UTF-8',
      ...(source.hint === undefined ? {} : { hint: source.hint }),
    });
  }
}

/** The text and its value: who checks more than the value (duplicate keys) needs both. */
export async function readJson(
  file: NamedBlob,
  source: Omit<JsonSource, 'file' | 'tensor'>,
): Promise<{ readonly text: string; readonly value: unknown }> {
  const text = await readText(file, source);
  return { text, value: parseJson(text, { ...source, file: file.path }) };
}
