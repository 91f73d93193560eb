import { describe, expect, it } from 'vitest';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { calibrationFrom, calibrationText, DEFAULT_CALIBRATION } from './calibration.ts';
import { beyondLimit, inputsOf, type KeptRecord, MOST_KEPT, newestFirst, recordOf } from './kept-records.ts';
import { exampleReport, streamWith } from './report-fixtures.ts';

const reportWith = (settings: Partial<AnalysisReport['settings']> = {}, share = 0.25): AnalysisReport => {
  const report = exampleReport(streamWith([[1]], [0.5]));
  return { ...report, settings: { ...report.settings, ...settings }, split: { ...report.split, share } };
};
/** As the version before wrote it. */
const earlier = (inputs: string): KeptRecord => ({
  key: `sha256:00 ${inputs}`,
  fingerprint: 'sha256:00',
  savedAtMs: 1,
  text: '{}',
});

describe('a kept analysis', () => {
  it('is kept beside those with other inputs, other settings or another model', () => {
    const keys = [
      recordOf('shapes-64-8-1', reportWith(), 1),
      recordOf('shapes-64-8-2', reportWith(), 1),
      recordOf('file-0123456789abcdef', reportWith(), 1),
      recordOf('shapes-64-8-1', reportWith({ ridge: 1e-3 }), 1),
      recordOf('shapes-64-8-1', reportWith({}, 0.5), 1),
      recordOf('shapes-64-8-1', { ...reportWith(), split: { rule: 'golden-ratio', share: 0.25 } }, 1),
    ].map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    expect(recordOf('shapes-64-8-1', reportWith(), 2).key).toBe(keys[0]);
  });

  it.each(['shapes-64-8-2', 'synthetic-16-4-7', 'file-0123456789abcdef'])('states its inputs: %s', (inputs) => {
    expect(inputsOf(recordOf(inputs, reportWith(), 1))).toBe(inputs);
    expect(inputsOf(earlier(inputs))).toBe(inputs);
  });

  it('of an earlier version states the file that it was measured on', () => {
    expect(inputsOf(earlier('file-my inputs.safetensors-123-456'))).toBe('file-my inputs.safetensors-123-456');
  });

  it('makes room once there are too many, the oldest first and never itself', () => {
    const kept = Array.from({ length: MOST_KEPT + 2 }, (_, i) => ({
      ...earlier(`shapes-8-1-${i}`),
      savedAtMs: 100 + i,
    }));
    const [first, second, third] = kept;
    // The clock was set back since the others were kept.
    const added = { ...earlier('shapes-8-1-99'), savedAtMs: 1 };
    expect(beyondLimit([...kept, added], added)).toEqual([third, second, first]);
    expect(beyondLimit(kept.slice(0, MOST_KEPT - 1).concat(added), added)).toEqual([]);
    expect(newestFirst([first!, third!, second!])).toEqual([third, second, first]);
  });
});

describe('the text of a calibration', () => {
  it('leads back to it, and nothing else does', () => {
    const choice = { ...DEFAULT_CALIBRATION, samples: 16, timesteps: 4, seed: 2 };
    expect(calibrationFrom(calibrationText(choice))).toEqual(choice);
    for (const text of ['', 'shapes', 'shapes-0x10-8-1', 'file-', 'file-xyz', 'file-a.safetensors-1-2']) {
      expect(calibrationFrom(text)).toBeNull();
    }
  });
});
