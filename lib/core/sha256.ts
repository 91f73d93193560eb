/**
 * SHA-256, the one place of the core that hashes. Web Crypto where there is one; browsers leave it out of pages that come
 * over plain HTTP from another host, and there a library computes the same, some ten times slower.
 */

export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  // The types know only secure contexts.
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle;
  if (subtle) return new Uint8Array(await subtle.digest('SHA-256', bytes));
  const library = await import('@noble/hashes/sha2.js');
  return new Uint8Array(library.sha256(bytes));
}

/** The SHA-256 of digests one after the other. */
export async function sha256OfAll(digests: readonly Uint8Array<ArrayBuffer>[]): Promise<Uint8Array<ArrayBuffer>> {
  const all = new Uint8Array(digests.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const digest of digests) {
    all.set(digest, at);
    at += digest.length;
  }
  return await sha256(all);
}

/** Lower-case hexadecimal. */
export function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
