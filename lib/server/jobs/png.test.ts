import { inflateSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { pngDataUrl } from './png.ts';

it('writes a PNG whose chunks add up and whose pixels are those given', () => {
  const rgba = Uint8ClampedArray.from({ length: 3 * 2 * 4 }, (_, i) => (37 * i) % 256);
  const png = Buffer.from(pngDataUrl(rgba, 3, 2).replace('data:image/png;base64,', ''), 'base64');
  expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    chunks.set(png.toString('latin1', at + 4, at + 8), png.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  expect([...chunks.keys()]).toEqual(['IHDR', 'IDAT', 'IEND']);
  expect([...(chunks.get('IHDR') ?? [])]).toEqual([0, 0, 0, 3, 0, 0, 0, 2, 8, 6, 0, 0, 0]);
  // Of an empty IEND, known from the specification.
  expect(png.subarray(-4).toString('hex')).toBe('ae426082');
  const rows = inflateSync(chunks.get('IDAT') ?? Buffer.alloc(0));
  expect([...rows]).toEqual([0, ...rgba.subarray(0, 12), 0, ...rgba.subarray(12)]);
});
