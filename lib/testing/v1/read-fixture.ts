/** The fixtures' own reader: files of this folder, gzipped ones opened, and digests of what is too long to write out. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const ROOT = new URL('./', import.meta.url);

export function bytesOf(path: string): Buffer<ArrayBuffer> {
  const bytes = readFileSync(new URL(path, ROOT));
  return path.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}

export function textOf(path: string): string {
  return bytesOf(path).toString('utf8');
}

/** Facts are data of ours, and what is compared with them has a type. */
export function jsonOf<T>(path: string): T {
  return JSON.parse(textOf(path)) as T;
}

/** First 16 hex digits of the SHA-256 of a text, or of a value as JSON. */
export function digestOf(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
