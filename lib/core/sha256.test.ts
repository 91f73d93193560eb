import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fileDigits, readDigits } from './checkpoint/file-digits.ts';
import { hexOf, sha256, sha256OfAll } from './sha256.ts';

const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 7) % 256);
const expected = (of: Uint8Array) => createHash('sha256').update(of).digest('hex');

afterEach(() => vi.unstubAllGlobals());

describe.each(['with', 'without'] as const)('SHA-256 %s Web Crypto', (which) => {
  // As in a page that comes over plain HTTP from another host.
  const prepare = () => which === 'without' && vi.stubGlobal('crypto', { subtle: undefined });

  it.each([0, 1, 55, 56, 64, 1_000, 100_000])('is that of %i bytes', async (length) => {
    prepare();
    expect(hexOf(await sha256(bytes(length)))).toBe(expected(bytes(length)));
  });

  it('names a file by its content', async () => {
    prepare();
    const blob = new Blob([bytes(1_000)]);
    const pieces = [bytes(1_000).slice(0, 600), bytes(1_000).slice(600)];
    const digests = await Promise.all(pieces.map((piece) => sha256(piece)));
    expect(await readDigits(blob, 600)).toBe(hexOf(await sha256OfAll(digests)).slice(0, 16));
    expect(await fileDigits(blob)).toBe(await readDigits(blob));
  });
});
