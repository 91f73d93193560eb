/** Why no bounds stand beside a reading is said where there are resamples of another one, and only there. */
import { expect, it } from 'vitest';
import { DEFAULT_DETECTION } from '@/lib/core/detection/index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { batchesWords, whyNotResampled } from './reading.ts';
import { exampleReport, streamWith } from './report-fixtures.ts';

const stream = streamWith(
  [
    [1, 0.9],
    [null, 1],
  ],
  [null, null],
);
const { estimator, start, target, streams } = DEFAULT_DETECTION;
const confidence: AnalysisReport['confidence'] = {
  level: 0.95,
  resamples: 200,
  seed: 1,
  groups: 16,
  detections: [{ estimator, start, target, streams, intervals: [], breaks: [] }],
};
const report = exampleReport(stream, { confidence });

it('says which reading is resampled where the present one is not', () => {
  expect(whyNotResampled(report, { ...DEFAULT_DETECTION, target: 'teacher-after-u' })).toMatch(/after block k/);
  expect(whyNotResampled(report, { ...DEFAULT_DETECTION, rows: 'all' })).toMatch(/only held-out tokens/);
});

it('says nothing beside bounds, and nothing of a report without any', () => {
  expect(whyNotResampled(report, DEFAULT_DETECTION)).toBeNull();
  const none = exampleReport(stream);
  expect(whyNotResampled(none, { ...DEFAULT_DETECTION, target: 'teacher-after-u' })).toBeNull();
});

it('says the size of the batches that tokens were compared in, of the rows that are read', () => {
  expect(batchesWords(report, { rows: 'held-out' })).toBeNull();
  const { similarity } = stream;
  const batched = similarity['held-out'] && { ...similarity['held-out'], batchRows: 512 };
  const large = exampleReport({ ...stream, similarity: { ...similarity, 'held-out': batched } });
  expect(batchesWords(large, { rows: 'held-out' })).toBe('in batches of 512');
  expect(batchesWords(large, { rows: 'all' })).toBeNull();
});
