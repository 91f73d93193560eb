import { expect, it } from 'vitest';
import { calibrationText, requestOf } from './calibration.ts';
import { wantedFile } from './probe-source.ts';
import { exampleReport, streamWith } from './report-fixtures.ts';
import { lacksWeights, traceChoice } from './traces.ts';

const trace = { digits: '0123456789abcdef', label: 'trace.safetensors: 24 samples', rows: { image: 96 } };

it('names the inputs of a trace by what it holds, and asks for no file', () => {
  const choice = traceChoice({ trace })!;
  expect(calibrationText(choice)).toBe('file-0123456789abcdef');
  expect(requestOf(choice)).toBeNull();
  const report = exampleReport(streamWith([[1]], [0.5]));
  const traced = { ...report, calibration: { ...report.calibration, kind: 'trace' as const } };
  expect(wantedFile(traced, choice)).toBeNull();
});

it('says that a trace holds no weights, and nothing of a model', () => {
  expect(lacksWeights({ name: 'Qwen-Image', trace })).toBe(
    'A trace holds no weights: open Qwen-Image itself to measure what they do.',
  );
  expect(lacksWeights({ name: 'Qwen-Image', configAlone: true })).toMatch(/^Only config\.json is open/);
  expect(lacksWeights({ name: 'Qwen-Image' })).toBeNull();
  expect(traceChoice({})).toBeNull();
});
