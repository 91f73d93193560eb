import { describe, expect, it } from 'vitest';
import { DEFAULT_DETECTION } from '@/lib/core/detection/index.ts';
import type { AnalysisReport, Matrix } from '@/lib/core/report/report.ts';
import { agreementWords, compareWith, countOf, curvesOf, isSameMeasurement } from './comparison.ts';
import { readingOf } from './noise.ts';
import { exampleReport, streamWith } from './report-fixtures.ts';

/** Differences fall along the model, but rise at block `at`. */
function reportWith(at: number, change: Partial<AnalysisReport> = {}): AnalysisReport {
  const matrix: Matrix = Array.from({ length: 6 }, (_, u) => {
    let value = 1;
    return Array.from({ length: 6 }, (_, k) => {
      if (k < u) return null;
      if (k > u) value -= (20 - (k - u) + (k === at ? 10 : 0)) / 1024;
      return value;
    });
  });
  const readings = {
    'block-u/teacher-after-k': matrix,
    'block-u/teacher-after-u': matrix,
    'probe-u/teacher-after-k': matrix,
    'probe-u/teacher-after-u': matrix,
  };
  const per = (value: number) => matrix.map(() => value);
  return exampleReport(streamWith(readings, per(0.1), per(0.5)), change);
}

const here = (report: AnalysisReport) => readingOf(report, DEFAULT_DETECTION, 'together');
const compare = (report: AnalysisReport, others: Record<string, AnalysisReport>) =>
  compareWith(
    here(report),
    Object.entries(others).map(([name, other]) => ({ name, report: other })),
    DEFAULT_DETECTION,
    'together',
  );

describe('an analysis beside others of its model', () => {
  it('is counted with those that detect the same interval, and they with each other', () => {
    const comparison = compare(reportWith(3), { a: reportWith(3), b: reportWith(4) });
    expect(comparison.count).toBe(3);
    expect(countOf(comparison, { first: 0, last: 2 })).toBe(2);
    expect(countOf(comparison, { first: 0, last: 3 })).toBe(1);
    expect(countOf(comparison, { first: 1, last: 2 })).toBe(0);
    expect(agreementWords(comparison)).toBe('Of 3 analyses, 2 find 0 to 2 and 3 to 5; 1 finds 0 to 3 and 4 to 5.');
    expect(agreementWords(compare(reportWith(3), { a: reportWith(3) }))).toBe(
      'Of 2 analyses, both find 0 to 2 and 3 to 5.',
    );
  });

  it('leaves out one whose samples were split by another rule, and says why', () => {
    const earlier = reportWith(3, { split: { rule: 'golden-ratio', share: 0.25 } });
    const { others, refused, count } = compare(reportWith(3), { new: reportWith(3), old: earlier });
    expect(others.map(({ name }) => name)).toEqual(['new']);
    expect(refused.map(({ name, report }) => [name, report])).toEqual([['old', earlier]]);
    expect(refused[0]?.reason).toMatch(/^old is of an earlier version, which held out other samples\..*analyse again/);
    expect(count).toBe(2);
    const [newer] = compare(earlier, { new: reportWith(3) }).refused;
    expect(newer?.reason).toMatch(/^The analysis on the page is of an earlier version/);
  });

  it('names the report that cannot be read, the other one or that on the page', () => {
    const reasonOf = (own: AnalysisReport, other: AnalysisReport) =>
      compare(own, { 'night.json': other }).refused[0]?.reason;
    const { model } = reportWith(3);
    const stranger = reportWith(3, { model: { ...model, fingerprint: 'sha256:ff' } });
    expect(reasonOf(reportWith(3), stranger)).toMatch(
      /^night\.json: The reports are of different models \(.*sha256:ff, not .*\)\.$/,
    );
    const short = reportWith(3, { model: { ...model, width: 96 } });
    expect(reasonOf(reportWith(3), short)).toMatch(/^night\.json: No intervals are detected: image has /);
    expect(reasonOf(short, reportWith(3))).toMatch(
      /^No intervals are detected in the analysis on the page: image has /,
    );
  });

  it('is told from one that is left out under the same name', () => {
    const earlier = reportWith(3, { split: { rule: 'golden-ratio', share: 0.25 } });
    const reports = [reportWith(3), earlier].map((report) => ({ name: 'report.json', report }));
    const { others, refused } = compareWith(here(reportWith(3)), reports, DEFAULT_DETECTION, 'together');
    expect(others).toHaveLength(1);
    expect(refused).toHaveLength(1);
    expect(refused[0]?.report).toBe(earlier);
  });

  it('says nothing of agreement where it is alone', () => {
    expect(agreementWords(compare(reportWith(3), {}))).toBe('');
  });

  it('gives the curves of each of the others', () => {
    const [curves] = curvesOf(compare(reportWith(3), { a: reportWith(4) }), DEFAULT_DETECTION);
    expect(curves?.cka[0]?.[1]).toBeCloseTo(1 - 19 / 1024, 12);
    expect(curves?.differences[0]?.[4]).toBeCloseTo(26 / 1024, 12);
  });

  it('is told from another measurement by the times of its blocks', () => {
    expect(isSameMeasurement(reportWith(3), { ...reportWith(3) })).toBe(true);
    expect(isSameMeasurement(reportWith(3), reportWith(3, { blockMs: [1, 1, 1, 1, 1, 2] }))).toBe(false);
  });
});
