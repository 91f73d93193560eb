/** Keys of artifacts: plain path segments, so that a key is the same place in a folder and in a bucket. */
import { ContiguaError } from '../../core/errors.ts';
import { elided } from '../../core/printable.ts';

const MAX_LENGTH = 512;
/** No leading dot: neither `..` nor the temporary names of files being written. */
const SEGMENT = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** Throws `path-forbidden` for what is no key. */
export function assertKey(key: string): void {
  if (key.length <= MAX_LENGTH && key.split('/').every((segment) => SEGMENT.test(segment))) return;
  throw new ContiguaError('path-forbidden', 'This is not the key of an artifact', {
    found: JSON.stringify(elided(key, 80)),
    expected: 'names of letters, digits, ".", "_" and "-", joined by "/"',
  });
}

/** A prefix is a key, a key and "/", or nothing: `runs/7/` lists one run, not `runs/70`. */
export function assertPrefix(prefix: string): void {
  if (prefix !== '') assertKey(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix);
}
