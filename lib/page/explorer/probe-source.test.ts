import { describe, expect, it } from 'vitest';
import { calibrationFrom, DEFAULT_CALIBRATION } from './calibration.ts';
import { choiceOfReport, needsFileWords, reportProbes, wantedFile } from './probe-source.ts';
import { exampleReport, streamWith } from './report-fixtures.ts';

const report = exampleReport(streamWith([[1]], [0.5]));
const onShapes = { ...report, calibration: { ...report.calibration, kind: 'shapes', samples: 16, seed: 3 } } as const;
const onFile = {
  ...report,
  calibration: {
    ...report.calibration,
    kind: 'file',
    label: 'mine.safetensors: 4 samples at 2 time steps',
    seed: null,
    file: { name: 'mine.safetensors', digits: '0123456789abcdef' },
  },
} as const;
const ofVersion1 = { ...onFile, calibration: { ...onFile.calibration, file: null } };

describe('the probes of a report', () => {
  it('are fitted again from what the report says that it was measured on', () => {
    expect(reportProbes(null, null)).toBeNull();
    expect(reportProbes(onShapes, null)?.source).toEqual({
      calibration: { kind: 'shapes', samples: 16, timesteps: 1, seed: 3 },
      ridge: report.settings.ridge,
      split: 'prompt-groups',
      damageSamples: report.settings.damageSamples,
    });
    // Of more timesteps than samples the report tells only those that were used: the address tells all.
    const asked = calibrationFrom('shapes-16-32-3');
    expect(reportProbes(onShapes, asked)?.source.calibration).toMatchObject({ samples: 16, timesteps: 32 });
  });

  it('have one name wherever they are fitted, and another for other inputs', () => {
    const name = (text: string) => reportProbes(onShapes, calibrationFrom(text))?.name;
    expect(name('shapes-16-4-1')).toBe(name('shapes-16-4-1'));
    expect(name('shapes-16-4-1')).not.toBe(name('shapes-16-4-2'));
  });

  it('wait for the file that they were fitted on, which is named with its digits', () => {
    const choice = choiceOfReport(onFile);
    expect(choice).toMatchObject({ kind: 'file', file: null, fileDigits: '0123456789abcdef' });
    expect(reportProbes(onFile, choice)).toBeNull();
    expect(wantedFile(onFile, choice)).toEqual({ name: 'mine.safetensors', digits: '0123456789abcdef' });
    const file = new File(['x'], 'renamed.safetensors');
    expect(wantedFile(onFile, { ...choice, file })).toBeNull();
    expect(reportProbes(onFile, { ...choice, file })?.source.calibration).toEqual({
      kind: 'file',
      file: { path: 'renamed.safetensors', blob: file },
      digits: '0123456789abcdef',
    });
    expect([wantedFile(null, null), wantedFile(onShapes, null)]).toEqual([null, null]);
    expect(needsFileWords(onFile, choice)).toBe('needs mine.safetensors');
  });

  it('of version 1 take the name from the label, and the digits from the key that it was kept under', () => {
    const kept = calibrationFrom('file-fedcba9876543210');
    expect(wantedFile(ofVersion1, kept)).toEqual({ name: 'mine.safetensors', digits: 'fedcba9876543210' });
    expect(wantedFile(ofVersion1, DEFAULT_CALIBRATION)).toEqual({ name: 'mine.safetensors', digits: null });
  });
});
