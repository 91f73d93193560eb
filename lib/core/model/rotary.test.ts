import { expect, test } from 'vitest';
import { goldenValue } from './golden-fill.ts';
import { imageRotary, textRotary } from './qwen-image/positions.ts';
import { pairSwap, rotaryTables, timeFeatures } from './rotary.ts';

const PLAIN = { ropeAxes: [8, 4, 4], layered: false };

/** Angles of one token, from its cosines and sines; each comes twice. */
function angles({ cos, sin }: { cos: Float32Array; sin: Float32Array }, token: number): number[] {
  return Array.from({ length: 8 }, (_, k) => {
    const at = token * 16 + 2 * k;
    expect([cos[at + 1], sin[at + 1]]).toEqual([cos[at], sin[at]]);
    return Math.atan2(sin[at]!, cos[at]!);
  });
}
const expectAngles = (found: number[], expected: number[]) => {
  expected.forEach((e, i) => {
    expect(found[i]).toBeCloseTo(e, 5);
  });
};

test('image positions are centred, odd sizes included, and text starts at the larger half extent', () => {
  const image = imageRotary([[1, 3, 5]], PLAIN);
  expectAngles(angles(image, 0), [0, 0, 0, 0, -2, -0.02, -3, -0.03]);
  expectAngles(angles(image, 14), [0, 0, 0, 0, 0, 0, 1, 0.01]);
  expectAngles(angles(textRotary(3, [[1, 3, 5]], PLAIN), 0), [2, 0.2, 0.02, 0.002, 2, 0.02, 2, 0.02]);
  expectAngles(angles(textRotary(3, [[1, 3, 5]], PLAIN), 1), [3, 0.3, 0.03, 0.003, 3, 0.03, 3, 0.03]);
});

test('a further image is a further frame', () => {
  const images = [
    [1, 2, 2],
    [2, 1, 1],
  ] as const;
  const both = imageRotary(images, PLAIN);
  expectAngles(angles(both, 4), [1, 0.1, 0.01, 0.001, -1, -0.01, -1, -0.01]);
  expectAngles(angles(both, 5), [2, 0.2, 0.02, 0.002, -1, -0.01, -1, -0.01]);
});

test('the last image of a layered model lies at frame −1, and its text behind all layers', () => {
  const layered = { ...PLAIN, layered: true };
  const layers = [
    [1, 1, 2],
    [1, 1, 2],
    [1, 1, 2],
    [1, 2, 1],
  ] as const;
  const image = imageRotary(layers, layered);
  expectAngles(angles(image, 4), [2, 0.2, 0.02, 0.002, -1, -0.01, -1, -0.01]);
  expectAngles(angles(image, 6), [-1, -0.1, -0.01, -0.001, -1, -0.01, -1, -0.01]);
  expectAngles(angles(textRotary(1, layers, layered), 0), [3, 0.3, 0.03, 0.003, 3, 0.03, 3, 0.03]);
  expectAngles(angles(textRotary(1, layers, PLAIN), 0), [1, 0.1, 0.01, 0.001, 1, 0.01, 1, 0.01]);
});

test('a model’s own theta sets the frequencies of its positions', () => {
  const { cos, sin } = rotaryTables([[1, 3]], [4, 4], 2000);
  const found = [0, 2, 4, 6].map((at) => Math.atan2(sin[at]!, cos[at]!));
  expectAngles(found, [1, 1 / Math.sqrt(2000), 3, 3 / Math.sqrt(2000)]);
});

test('a sinusoid of fewer channels spreads its frequencies over them', () => {
  const features = timeFeatures(Float32Array.of(2), 1, 4);
  expectAngles([...features], [Math.cos(2), Math.cos(0.02), Math.sin(2), Math.sin(0.02)]);
});

test('the pair swap turns a pair by a quarter', () => {
  const swap = pairSwap(4);
  const turn = (x: number[]) => x.map((_, j) => x.reduce((sum, v, i) => sum + v * swap[i * 4 + j]!, 0));
  expect(turn([1, 2, 3, 4])).toEqual([-2, 1, -4, 3]);
});

test('time features are the reference’s in float32', () => {
  const features = timeFeatures(Float32Array.of(0.81, 0.37), 1000).slice(256);
  const expected = { 0: 0.7597075, 1: 0.3024385, 127: 0.9992096, 128: -0.6502649, 129: -0.9531689, 255: 0.03975001 };
  for (const [k, value] of Object.entries(expected)) expect(features[Number(k)]).toBeCloseTo(value, 6);
  // Where a frequency that is rounded once less would show.
  expect(timeFeatures(Float32Array.of(0.81), 1000)[31]).toBeCloseTo(0.6047266, 6);
  expect(timeFeatures(Float32Array.of(0.81), 1000)[159]).toBeCloseTo(-0.7964332, 6);
});

test('the golden fill is the published hash', () => {
  const first = [0, 1, 2, 3].map((k) => goldenValue(k, 0));
  [-0.60078599, -0.67112836, 0.29649896, 0.79256896].forEach((v, i) => {
    expect(first[i]).toBeCloseTo(v, 8);
  });
  expect(goldenValue(0, 1000)).toBeCloseTo(-0.92010935, 8);
});
