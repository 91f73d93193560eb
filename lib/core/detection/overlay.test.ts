import { describe, expect, it } from 'vitest';
import { exampleReport, streamWith } from '../../page/explorer/report-fixtures.ts';
import type { AnalysisReport, Matrix } from '../report/report.ts';
import { DEFAULT_DETECTION, foundIn, overlayDetections } from './index.ts';

/** A trajectory whose differences fall, but rise at the given blocks. */
function reportWith(breaks: readonly number[], change: Partial<AnalysisReport> = {}): AnalysisReport {
  const matrix: Matrix = Array.from({ length: 6 }, (_, u) => {
    let value = 1;
    return Array.from({ length: 6 }, (_, k) => {
      if (k < u) return null;
      if (k > u) value -= (20 - (k - u) + (breaks.includes(k) ? 10 : 0)) / 1024;
      return value;
    });
  });
  const readings = {
    'block-u/teacher-after-k': matrix,
    'block-u/teacher-after-u': matrix,
    'probe-u/teacher-after-k': matrix,
    'probe-u/teacher-after-u': matrix,
  };
  const report = exampleReport(
    streamWith(
      readings,
      matrix.map(() => 0.1),
      matrix.map(() => 0.5),
    ),
  );
  return { ...report, ...change };
}

const share = (first: number, last: number, of: number): AnalysisReport['confidence'] => {
  const { estimator, start, target, streams } = DEFAULT_DETECTION;
  const intervals = [{ first, last, share: of }];
  return {
    level: 0.95,
    resamples: 200,
    seed: 1,
    groups: 9,
    detections: [{ estimator, start, target, streams, intervals, breaks: [] }],
  };
};

/** The same of a model so wide that the report's tokens are too few. */
const short = (report: AnalysisReport): AnalysisReport => ({ ...report, model: { ...report.model, width: 96 } });

describe('the share of resamples that find an interval', () => {
  const report = reportWith([3], { confidence: share(0, 2, 0.84) });

  it('is that of the reading in use, and 0 where no resample has the interval', () => {
    expect(foundIn(report, DEFAULT_DETECTION, { first: 0, last: 2 })).toBe(0.84);
    expect(foundIn(report, DEFAULT_DETECTION, { first: 0, last: 3 })).toBe(0);
  });

  it('is unknown over all tokens, in a reading without resamples, and in a report without them', () => {
    const interval = { first: 0, last: 2 };
    expect(foundIn(report, { ...DEFAULT_DETECTION, rows: 'all' }, interval)).toBeNull();
    expect(foundIn(report, { ...DEFAULT_DETECTION, start: 'probe-u' }, interval)).toBeNull();
    expect(foundIn(reportWith([3]), DEFAULT_DETECTION, interval)).toBeNull();
  });

  it('is unknown where the report has too few tokens to be read', () => {
    expect(foundIn(short(report), DEFAULT_DETECTION, { first: 0, last: 2 })).toBeNull();
  });
});

describe('reports of one model side by side', () => {
  const named = (name: string, report: AnalysisReport) => ({ name, report });

  it('give every interval that one of them detects, those of most reports first', () => {
    const overlaid = overlayDetections(
      [
        named('a', reportWith([3], { confidence: share(0, 2, 0.6) })),
        named('b', reportWith([3])),
        named('c', reportWith([4])),
      ],
      DEFAULT_DETECTION,
    );
    expect(overlaid.map(({ interval: { first, last }, count }) => [first, last, count])).toEqual([
      [0, 2, 2],
      [3, 5, 2],
      [0, 3, 1],
      [4, 5, 1],
    ]);
    expect(overlaid[0]!.of).toEqual([
      { detected: true, share: 0.6 },
      { detected: true, share: null },
      { detected: false, share: null },
    ]);
  });

  it('are refused where one is of another model, or its samples were split by another rule', () => {
    const one = reportWith([3]);
    const other = { ...one, model: { ...one.model, fingerprint: 'sha256:11' } };
    const earlier = reportWith([3], { split: { rule: 'golden-ratio', share: 0.25 } });
    const overlay = (report: AnalysisReport) => () =>
      overlayDetections([named('new.json', one), named('x.json', report)], DEFAULT_DETECTION);
    expect(overlay(other)).toThrow(/x\.json: The reports are of different models; found example.*11.*expected.*00/);
    expect(overlay(short(one))).toThrow(/^x\.json: No intervals are detected: image has 0 of 192 fitted and 16 of 96/);
    expect(() => overlayDetections([named('new.json', short(one)), named('x.json', one)], DEFAULT_DETECTION)).toThrow(
      /No intervals are detected in new\.json: image has/,
    );
    expect(overlay(earlier)).toThrow(/x\.json: .*different rules; found golden-ratio; expected prompt-groups, as new/);
  });
});
