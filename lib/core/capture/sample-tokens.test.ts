import { expect, test } from 'vitest';
import { goldenCheckpoint } from '../model/golden-fill.ts';
import { openTransformer, type TransformerInputs } from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { seededRandom } from '../random.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { type Calibration, calibrationOf } from './calibration.ts';
import { captureStates } from './capture-states.ts';
import { defaultTokens, sampleTokens } from './sample-tokens.ts';

const { config } = goldenQ1();
/** 18 samples of six image tokens and one to five valid text tokens, in two batches. */
const calibration = (() => {
  const random = seededRandom(4);
  const normals = (length: number) => Float32Array.from({ length }, () => random.normal());
  const all: TransformerInputs = {
    batch: 18,
    imageTokens: 6,
    textTokens: 8,
    imageShapes: [[1, 2, 3]],
    hiddenStates: normals(18 * 6 * config.inChannels),
    encoderHiddenStates: normals(18 * 8 * config.textDim),
    timestep: Float32Array.from({ length: 18 }, (_, i) => (i % 3) / 3),
    mask: Uint8Array.from({ length: 18 * 8 }, (_, i) => (i % 8 <= Math.floor(i / 8) % 5 ? 1 : 0)),
    extra: {},
  };
  return calibrationOf(all, { kind: 'synthetic', label: 'masked', seed: 4, file: null }, config);
})();

function perSample({ rows }: Calibration, stream: string): number[] {
  const counts = new Array<number>(18).fill(0);
  for (const sample of rows[stream]!) counts[sample]! += 1;
  return counts;
}

test('every sample gives its share, and those with fewer tokens all of theirs', () => {
  const sampled = sampleTokens(calibration, 40);
  expect(sampled.rows.image).toHaveLength(40);
  expect(sampled.rows.text).toHaveLength(40);
  expect(new Set(perSample(sampled, 'image'))).toEqual(new Set([2, 3]));
  // One to five in turn: 40 tokens allow three of those with three or more.
  expect(perSample(sampled, 'text').every((count, sample) => count >= Math.min((sample % 5) + 1, 2))).toBe(true);
  expect(sampled.validTokens).toEqual({ image: 108, text: 51 });
});

test('fewer tokens than samples are spread over the timesteps', () => {
  const sampled = sampleTokens(calibration, 9);
  const counts = new Map<number, number>();
  for (const sample of sampled.rows.image!) {
    const level = calibration.levels[sample]!;
    counts.set(level, (counts.get(level) ?? 0) + 1);
  }
  expect([...counts.values()]).toEqual([3, 3, 3]);
});

test('the choice is the same every time, and a stream with no more tokens than asked for keeps all', () => {
  expect(sampleTokens(calibration, 60).taken).toEqual(sampleTokens(calibration, 60).taken);
  expect(sampleTokens(calibration, 60).taken!.text).toBeNull();
  expect(sampleTokens(calibration, 60).rows.text).toEqual(calibration.rows.text);
  expect(sampleTokens(calibration, null)).toBe(calibration);
});

test('narrow models are read on all tokens by default, wide ones on some', () => {
  expect([defaultTokens(96), defaultTokens(1024), defaultTokens(1536), defaultTokens(3072)]).toEqual([
    null,
    null,
    1024,
    1024,
  ]);
});

describePerEngine(['wasm'], 'a capture of some tokens', () => {
  test('holds exactly the rows that were chosen, of every stream and batch', async () => {
    const transformer = await openTransformer(config, goldenCheckpoint(config));
    const sampled = sampleTokens(calibration, 40);
    const all: Record<string, Float32Array>[] = [];
    for await (const { states } of captureStates(transformer, calibration)) all.push({ ...states });
    for await (const { index, states } of captureStates(transformer, sampled)) {
      for (const stream of ['image', 'text']) {
        const whole = all[index + 1]![stream]!;
        const expected = [...sampled.taken![stream]!].flatMap((row) => [
          ...whole.subarray(row * config.width, (row + 1) * config.width),
        ]);
        expect([...states[stream]!]).toEqual(expected);
      }
    }
    transformer.dispose();
  });
});
