import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { sparseBlob } from '../checkpoint/testing.ts';
import { digestOfFile } from './digest.ts';

const PIECE_BYTES = 2 ** 26;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
const head = Uint8Array.of(1, 2, 3);

it('is the SHA-256 of the file', async () => {
  expect(await digestOfFile({ path: 'a', blob: new Blob([head]) })).toBe(sha256(head).toString('hex'));
});

it('is that of the pieces’ hashes where the file is too large for one buffer', async () => {
  const pieces = [new Uint8Array(PIECE_BYTES), new Uint8Array(5)];
  pieces[0]!.set(head);
  const expected = sha256(Buffer.concat(pieces.map(sha256))).toString('hex');
  const blob = sparseBlob(PIECE_BYTES + 5, head);
  expect(await digestOfFile({ path: 'a', blob }, PIECE_BYTES)).toBe(expected);
});
