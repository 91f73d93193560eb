import { describe, expect, it } from 'vitest';
import { calibrationChanges, DEFAULT_CALIBRATION } from './calibration.ts';
import { changedSince, changedWords, isSame } from './made-of.ts';
import { isPrunedOf, prunedOf, wholeOf } from './preview.ts';
import { timingOf } from './timing.ts';

const cut = [{ first: 3, last: 5 }];

describe('what a result was made of', () => {
  it('is the same while nothing of it differs, and says what does', () => {
    const made = { prompt: 'a circle', seed: '1' };
    expect(isSame(made, { ...made })).toBe(true);
    expect(isSame(null, made)).toBe(false);
    expect(changedSince(made, { prompt: 'a square', seed: '2' })).toEqual(['prompt', 'seed']);
    expect(changedWords(['model', 'prompt', 'seed'])).toBe('model, prompt and seed changed');
    expect(changedWords(['seed'])).toBe('seed changed');
  });
});

describe('a picture', () => {
  const whole = wholeOf('sha256:ab', 'a large red circle top left on white', 1);

  it('belongs to another when both follow the same prompt and seed on the same model', () => {
    const pruned = prunedOf(whole, cut, 'removed', 0);
    expect(isPrunedOf(pruned, whole)).toBe(true);
    expect(isPrunedOf(pruned, { ...whole, seed: '2' })).toBe(false);
    expect(isPrunedOf(pruned, { ...whole, model: 'sha256:cd' })).toBe(false);
  });

  it('is outdated by another choice, another replacement, and by probes fitted anew where it was drawn with probes', () => {
    const drawn = prunedOf(whole, cut, 'probes', 1);
    expect(changedSince(drawn, prunedOf(whole, [{ first: 3, last: 4 }], 'probes', 1))).toEqual(['choice of blocks']);
    expect(changedSince(drawn, prunedOf(whole, cut, 'probes', 2))).toEqual(['probes']);
    expect(changedSince(prunedOf(whole, cut, 'removed', 1), prunedOf(whole, cut, 'removed', 2))).toEqual([]);
  });
});

describe('a forward time', () => {
  const now = {
    engine: 'wasm',
    model: 'sha256:ab',
    intervals: cut,
    replacement: 'removed',
    inputs: '64 + 13',
  } as const;

  it('is outdated by another engine, choice or length of the inputs', () => {
    expect(changedSince(timingOf(now), timingOf({ ...now }))).toEqual([]);
    expect(changedSince(timingOf(now), timingOf({ ...now, engine: 'webgpu', inputs: '256 + 13' }))).toEqual([
      'engine',
      'tokens per forward',
    ]);
  });
});

describe('an analysis', () => {
  const measured = { ...DEFAULT_CALIBRATION, samples: 64 };

  it('is outdated by other calibration settings, which are named with both values', () => {
    expect(calibrationChanges(measured, measured)).toEqual([]);
    expect(calibrationChanges(measured, { ...measured, samples: 128, seed: 7 })).toEqual([
      'samples 64 → 128',
      'seed 1 → 7',
    ]);
    expect(calibrationChanges(measured, { ...measured, kind: 'synthetic' })).toEqual([
      'inputs: sample prompts → synthetic noise',
    ]);
  });

  it('is outdated by another file, and by none where the same file is named by its content', () => {
    const file = (name: string) => new File(['x'], name);
    const first = file('a.safetensors');
    const onFile = { ...measured, kind: 'file', file: first, fileDigits: null } as const;
    // Its own numbers mean nothing to a file.
    expect(calibrationChanges(onFile, { ...onFile, samples: 9, fileDigits: '00' })).toEqual([]);
    expect(calibrationChanges(onFile, { ...onFile, file: file('b.safetensors') })).toEqual([
      'file a.safetensors → b.safetensors',
    ]);
    const restored = { ...onFile, file: null, fileDigits: '0123' };
    expect(calibrationChanges(restored, restored)).toEqual([]);
    expect(calibrationChanges(restored, onFile)).toEqual(['file → a.safetensors']);
  });
});
