import { describe, expect, it } from 'vitest';
import { checkpointOf } from './inventory.ts';
import { MAX_READ_BYTES, PIECE_BYTES, readRange } from './read-range.ts';
import { readText } from './read-text.ts';
import { countingReads, named, sparseBlob } from './testing.ts';
import type { BlobLike, TensorInfo } from './types.ts';

/** Zeros, but for one byte. */
const marked = (size: number, mark: number) => sparseBlob(size, new Uint8Array(mark + 1).fill(64, mark));
const tensor = (elements: number, dtype: TensorInfo['dtype'], itemBytes: number): TensorInfo => ({
  name: 't',
  dtype,
  shape: [elements],
  file: 'f',
  start: 0,
  end: elements * itemBytes,
});
const opened = (blob: BlobLike, info: TensorInfo) =>
  checkpointOf(new Map([['f', blob]]), new Map([['t', info]]), new Map());

describe('long ranges', () => {
  it('are read in pieces', async () => {
    const { blob, reads } = countingReads(marked(MAX_READ_BYTES + 10, MAX_READ_BYTES + 2));
    const bytes = await readRange(blob, 'f', 1, MAX_READ_BYTES + 9);
    expect([bytes.length, bytes[MAX_READ_BYTES + 1], bytes[0]]).toEqual([MAX_READ_BYTES + 8, 64, 0]);
    expect(reads).toEqual([
      [1, MAX_READ_BYTES + 1],
      [MAX_READ_BYTES + 1, MAX_READ_BYTES + 9],
    ]);
  });

  it.each<[TensorInfo['dtype'], number, number]>([
    ['F32', 4, 2],
    ['BF16', 2, 2],
    ['F8_E4M3', 1, 2],
  ])('of a tensor in %s become float32 piece by piece', async (dtype, itemBytes, value) => {
    const elements = PIECE_BYTES / itemBytes + 3;
    const last = elements * itemBytes - 1;
    const { blob, reads } = countingReads(marked(elements * itemBytes, last));
    const checkpoint = opened(blob, tensor(elements, dtype, itemBytes));
    const values = await checkpoint.readFloat32('t');
    expect([values.length, values.at(-1), values.at(-2)]).toEqual([elements, value, 0]);
    expect(reads).toHaveLength(2);
    for await (const each of checkpoint.readEach(['t'])) expect(each.values.at(-1)).toBe(value);
  });

  it('of a tensor beyond any model are refused unread', async () => {
    const { blob, reads } = countingReads(sparseBlob(2 ** 34));
    const checkpoint = opened(blob, tensor(2 ** 31, 'BF16', 2));
    const refusal = { code: 'too-large', details: { file: 'f', tensor: 't', found: '8,589,934,592 bytes in memory' } };
    await expect(checkpoint.readFloat32('t')).rejects.toMatchObject(refusal);
    await expect(checkpoint.readEach(['t']).next()).rejects.toMatchObject(refusal);
    await expect(opened(blob, tensor(2 ** 33, 'U8', 1)).readBytes('t')).rejects.toMatchObject(refusal);
    expect(reads).toEqual([]);
  });
});

describe('readText', () => {
  const source = { code: 'config-invalid', maxBytes: 100 } as const;

  it('gives UTF-8 without its byte order mark', async () => {
    expect(await readText(named('a', '\ufeffä'), source)).toBe('ä');
  });

  it('refuses a file by its size, unread', async () => {
    const { blob, reads } = countingReads(sparseBlob(2 ** 40));
    await expect(readText({ path: 'a', blob }, source)).rejects.toThrow(
      /a: The file is too large; found 1,099,511,627,776 bytes; expected at most 100 bytes/,
    );
    expect(reads).toEqual([]);
  });

  it('refuses bytes that are not UTF-8', async () => {
    await expect(readText(named('a', Uint8Array.of(0xff)), source)).rejects.toThrow(/a: Not readable as text/);
  });
});
