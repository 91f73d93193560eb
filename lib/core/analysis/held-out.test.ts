import { describe, expect, it } from 'vitest';
import { splitRows } from './held-out.ts';

const rowsOf = (samples: number, tokens: number) =>
  Uint32Array.from({ length: samples * tokens }, (_, i) => Math.floor(i / tokens));

describe('holding out samples', () => {
  it('splits whole samples, a quarter of them, the same in both streams', () => {
    const { fit, heldOut, heldOutSamples } = splitRows({ image: rowsOf(64, 5), text: rowsOf(64, 3) });
    expect(heldOutSamples).toHaveLength(16);
    expect(heldOut.image).toHaveLength(80);
    expect(fit.image).toHaveLength(240);
    expect(new Set([...heldOut.text!].map((row) => Math.floor(row / 3)))).toEqual(new Set(heldOutSamples));
    expect([...fit.text!, ...heldOut.text!].sort((a, b) => a - b)).toEqual([...rowsOf(192, 1).keys()]);
  });

  it.each([2, 3, 4, 5, 8, 16])('holds out every residue when samples cycle through %i timesteps', (cycle) => {
    const { heldOutSamples } = splitRows({ image: rowsOf(128, 1), text: rowsOf(128, 1) });
    const counts = Array<number>(cycle).fill(0);
    for (const sample of heldOutSamples) counts[sample % cycle] = counts[sample % cycle]! + 1;
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...counts)).toBeLessThanOrEqual(Math.ceil((2 * 32) / cycle));
  });

  it('holds out one of two samples, and none of one', () => {
    expect(splitRows({ image: rowsOf(2, 4), text: rowsOf(2, 1) }).heldOutSamples).toHaveLength(1);
    const single = splitRows({ image: rowsOf(1, 4), text: rowsOf(1, 1) });
    expect(single.heldOutSamples).toEqual([]);
    expect([...single.fit.image!]).toEqual([0, 1, 2, 3]);
  });

  it('reads sample numbers as labels, whatever they are', () => {
    const image = Uint32Array.of(7, 7, 100, 100, 3, 3, 50, 50);
    expect(splitRows({ image, text: Uint32Array.of(7, 100, 3, 50) }).heldOutSamples).toHaveLength(1);
  });
});
