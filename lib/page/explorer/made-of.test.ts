import { describe, expect, it } from 'vitest';
import { runEdit } from '@/lib/core/edit/index.ts';
import { calibrationChanges, DEFAULT_CALIBRATION } from './calibration.ts';
import { type PageReplacement, pageEdits } from './edits.ts';
import { changedSince, changedWords, isSame } from './made-of.ts';
import { isPrunedOf, prunedOf, wholeOf } from './preview.ts';
import { timingOf } from './timing.ts';

const cut = (by: PageReplacement, last = 5) => pageEdits([runEdit({ first: 3, last }, by)]);
const probes = (name: string) =>
  ({
    name,
    source: { calibration: { kind: 'synthetic', samples: 8, timesteps: 1, seed: 0 }, ridge: 1, split: 'prompt-groups' },
  }) as const;

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
    const pruned = prunedOf(whole, cut('nothing'), null);
    expect(isPrunedOf(pruned, whole)).toBe(true);
    expect(isPrunedOf(pruned, { ...whole, seed: '2' })).toBe(false);
    expect(isPrunedOf(pruned, { ...whole, model: 'sha256:cd' })).toBe(false);
  });

  it('is outdated by another choice, another replacement, and by probes of another analysis where it was drawn with probes', () => {
    const drawn = prunedOf(whole, cut('probes'), probes('one'));
    expect(changedSince(drawn, prunedOf(whole, cut('probes', 4), probes('one')))).toEqual(['choice of blocks']);
    expect(changedSince(drawn, prunedOf(whole, cut('nothing'), probes('one')))).toEqual(['replacement', 'probes']);
    expect(changedSince(drawn, prunedOf(whole, cut('probes'), probes('two')))).toEqual(['probes']);
    const removed = (name: string) => prunedOf(whole, cut('nothing'), probes(name));
    expect(changedSince(removed('one'), removed('two'))).toEqual([]);
  });
});

describe('a forward time', () => {
  const now = {
    engine: { name: 'wasm', device: '4 threads' },
    model: 'sha256:ab',
    edits: cut('nothing'),
    inputs: '64 + 13',
  } as const;

  it('is outdated by another engine, choice or length of the inputs', () => {
    expect(changedSince(timingOf(now), timingOf({ ...now }))).toEqual([]);
    expect(
      changedSince(
        timingOf(now),
        timingOf({ ...now, engine: { name: 'webgpu', device: 'a card' }, inputs: '256 + 13' }),
      ),
    ).toEqual(['engine', 'tokens per forward']);
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
