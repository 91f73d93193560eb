import { beforeEach, describe, expect, it } from 'vitest';
import type { AnalysisReport, IntervalDamage, Matrix, StreamAnalysis } from '@/lib/core/report/report.ts';
import { followRanking, setDetection, setRanking, takeBlocks, takeLeast } from './ranking.ts';
import { beginSelection, choose, selectionStore } from './selection.ts';
import { DEFAULT_SETTINGS, settingsStore } from './settings.ts';

const BLOCKS = 6;
/** Intervals 0–1, 2–3 and 4–5, of which 2–3 keeps most of the state, then 0–1. */
const similarity: Matrix = [
  [1, 0.95, 0.7, 0.6, 0.5, 0.4],
  [null, 1, 0.9, 0.6, 0.5, 0.4],
  [null, null, 1, 0.99, 0.7, 0.6],
  [null, null, null, 1, 0.9, 0.6],
  [null, null, null, null, 1, 0.9],
  [null, null, null, null, null, 1],
];
const readings = {
  'block-u/teacher-after-k': similarity,
  'block-u/teacher-after-u': similarity,
  'probe-u/teacher-after-k': similarity,
  'probe-u/teacher-after-u': similarity,
};
const blocks = Array.from({ length: BLOCKS }, () => 0.5);
const stream: StreamAnalysis = {
  probeR2: blocks,
  probeError: blocks,
  cka: { debiased: similarity, biased: similarity },
  trajectories: { debiased: readings, biased: readings },
};
const error = (first: number, removedError: number): IntervalDamage => ({
  first,
  last: first + 1,
  removedError,
  probedError: 0,
  directionError: 0,
});
const report: AnalysisReport = {
  version: 1,
  model: { name: 'six blocks', fingerprint: 'sha256:00', family: 'qwen-image', numBlocks: BLOCKS },
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
  damage: [error(0, 0.3), error(2, 0.2), error(4, 0.1)],
  blockMs: blocks,
  engine: { name: 'cpu', device: 'test' },
  stagesMs: {},
};
const chosen = () => selectionStore.getState().selection.present;

describe('the slider’s choice', () => {
  beforeEach(() => {
    settingsStore.setState(DEFAULT_SETTINGS);
    beginSelection({ numBlocks: BLOCKS }, []);
  });

  it('follows the ranking when another score is chosen, and comes back by one undo', () => {
    takeBlocks(report, 1);
    expect(chosen()).toEqual([{ first: 2, last: 3 }]);
    setRanking(report, { score: 'removed' });
    expect(chosen()).toEqual([{ first: 4, last: 5 }]);
    choose({ type: 'undo' });
    expect(chosen()).toEqual([{ first: 2, last: 3 }]);
  });

  it('follows damage that is measured after it was made', () => {
    setRanking(report, { score: 'removed' });
    takeBlocks({ ...report, damage: [error(0, 0.3)] }, 1);
    expect(chosen()).toEqual([{ first: 0, last: 1 }]);
    followRanking(report);
    expect(chosen()).toEqual([{ first: 4, last: 5 }]);
  });

  it('follows another reading of the report', () => {
    const text = { ...stream, trajectories: { debiased: flat(0.5), biased: flat(0.5) } };
    const both = { ...report, streams: { image: stream, text } };
    setDetection(both, { streams: 'image' });
    takeBlocks(both, 1);
    expect(chosen()).toEqual([{ first: 2, last: 3 }]);
    setDetection(both, { streams: 'text' });
    expect(chosen()).toEqual([{ first: 0, last: 1 }]);
  });

  it('of least total stays that choice when another score ranks, and follows another reading', () => {
    takeBlocks(report, 2);
    takeLeast(report);
    const least = chosen();
    setRanking(report, { score: 'removed' });
    expect(chosen()).toEqual(least);
    const text = { ...stream, trajectories: { debiased: flat(0.5), biased: flat(0.5) } };
    setDetection({ ...report, streams: { image: stream, text } }, { streams: 'text' });
    expect(chosen()).not.toEqual(least);
  });

  it('is told from a choice of one’s own, which stays, even if the slider would have made the same', () => {
    choose({ type: 'add', interval: { first: 2, last: 3 } });
    setRanking(report, { score: 'removed' });
    expect(chosen()).toEqual([{ first: 2, last: 3 }]);
  });
});

/** Every block alike from every start: one interval over the whole depth. */
function flat(value: number) {
  const matrix = similarity.map((row) => row.map((entry) => (entry === null ? null : value)));
  return {
    'block-u/teacher-after-k': matrix,
    'block-u/teacher-after-u': matrix,
    'probe-u/teacher-after-k': matrix,
    'probe-u/teacher-after-u': matrix,
  };
}
