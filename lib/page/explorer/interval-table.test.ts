import { describe, expect, it } from 'vitest';
import { DEFAULT_DETECTION } from '@/lib/core/detection/index.ts';
import type { AnalysisReport, StreamAnalysis } from '@/lib/core/report/report.ts';
import { intervalCsv } from './interval-table.ts';

const cka = [
  [1, 0.9, 0.5],
  [null, 1, 0.8],
  [null, null, 1],
];
const readings = {
  'block-u/teacher-after-k': cka,
  'block-u/teacher-after-u': cka,
  'probe-u/teacher-after-k': cka,
  'probe-u/teacher-after-u': cka,
};
const stream: StreamAnalysis = {
  probeR2: [0.5, 0.6, null],
  probeError: [0.5, 0.25, null],
  cka: { debiased: cka, biased: cka },
  trajectories: { debiased: readings, biased: readings },
};
const report: AnalysisReport = {
  version: 1,
  model: { name: 'three blocks', fingerprint: 'sha256:00', family: 'qwen-image', numBlocks: 3 },
  calibration: {
    kind: 'synthetic',
    label: 'SYNTHETIC',
    seed: 1,
    samples: 8,
    timesteps: [0.5],
    tokens: { image: 8, text: 8 },
    fitTokens: { image: 6, text: 6 },
    heldOutTokens: { image: 2, text: 2 },
  },
  settings: { ridge: 1e-6, heldOutShare: 0.25 },
  streams: { image: stream, text: stream },
  damage: [{ first: 0, last: 1, removedError: 0.125, probedError: 0.0625, directionError: 0.5 }],
  blockMs: [1, 1, 1],
  engine: { name: 'cpu', device: 'test' },
  stagesMs: {},
};

describe('the interval table as CSV', () => {
  it('has a row per interval in the given order and leaves empty what was not measured', () => {
    const table = intervalCsv({
      report,
      settings: DEFAULT_DETECTION,
      intervals: [
        { first: 1, last: 2 },
        { first: 0, last: 1 },
      ],
      detected: [{ first: 0, last: 1 }],
      chosen: [{ first: 1, last: 2 }],
    });
    const [header, drawn, detected] = table.split('\r\n').map((line) => line.split(','));
    expect(header?.slice(0, 6)).toEqual(['first', 'last', 'removed_blocks', 'detected', 'chosen', 'surrogate_cka']);
    const column = (name: string) => header?.indexOf(name) ?? -1;
    expect(drawn?.slice(0, 6)).toEqual(['1', '2', '1', 'false', 'true', '0.8']);
    expect(drawn?.[column('damage_removed')]).toBe('');
    expect(detected?.slice(0, 6)).toEqual(['0', '1', '1', 'true', 'false', '0.9']);
    expect(detected?.[column('damage_removed')]).toBe('0.125');
    expect(detected?.[column('damage_probe')]).toBe('0.25');
    expect(Number(detected?.[column('damage_1_minus_surrogate_cka')])).toBeCloseTo(0.1, 12);
  });
});
