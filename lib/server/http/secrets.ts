/** Comparing and deriving secrets. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** Takes as long whatever the difference is. */
export function sameSecret(shown: string, expected: string): boolean {
  return timingSafeEqual(digest(shown), digest(expected));
}

export function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

export function keyedDigest(key: string, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64url');
}
