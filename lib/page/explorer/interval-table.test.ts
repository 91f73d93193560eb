import { describe, expect, it } from 'vitest';
import { DEFAULT_DETECTION } from '@/lib/core/detection/index.ts';
import { runEdit } from '@/lib/core/edit/index.ts';
import { intervalCsv } from './interval-table.ts';
import { damageOf, exampleReport, streamWith } from './report-fixtures.ts';

const cka = [
  [1, 0.9, 0.5],
  [null, 1, 0.8],
  [null, null, 1],
];
const report = exampleReport(streamWith(cka, [0.5, 0.25, null]), {
  damage: [damageOf(runEdit({ first: 0, last: 1 }, 'nothing'), 0.125)],
});

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
      chosen: [runEdit({ first: 1, last: 2 }, 'probes')],
    });
    const [header, drawn, detected] = table.split('\r\n').map((line) => line.split(','));
    expect(header?.slice(0, 6)).toEqual(['first', 'last', 'removed_blocks', 'detected', 'chosen', 'surrogate_cka']);
    const column = (name: string) => header?.indexOf(name) ?? -1;
    expect(drawn?.slice(0, 6)).toEqual(['1', '2', '1', 'false', 'true', '0.8']);
    expect(drawn?.[column('damage_removed')]).toBe('');
    expect(detected?.slice(0, 6)).toEqual(['0', '1', '1', 'true', 'false', '0.9']);
    expect(detected?.[column('damage_removed')]).toBe('0.125');
    expect(detected?.[column('damage_probe')]).toBe('0.25');
    expect(drawn?.[column('replaced_by')]).toBe('probes');
    expect(detected?.[column('replaced_by')]).toBe('');
    expect(Number(detected?.[column('damage_1_minus_surrogate_cka')])).toBeCloseTo(0.1, 12);
  });

  it('says in which share of the resamples each interval is found, where there are any', () => {
    const { estimator, start, target, streams } = DEFAULT_DETECTION;
    const intervals = [{ first: 0, last: 1, share: 0.84 }];
    const detections = [{ estimator, start, target, streams, intervals, breaks: [] }];
    const confidence = { level: 0.95, resamples: 200, seed: 1, groups: 16, detections } as const;
    const found = (settings = DEFAULT_DETECTION) => {
      const rows = intervalCsv({
        report: { ...report, confidence },
        settings,
        intervals: [
          { first: 0, last: 1 },
          { first: 1, last: 2 },
        ],
        detected: [],
        chosen: [],
      })
        .split('\r\n')
        .map((line) => line.split(','));
      const column = rows[0]!.indexOf('found_in_resamples');
      return rows.slice(0, 3).map((row) => row[column]);
    };
    expect(found()).toEqual(['found_in_resamples', '0.84', '0']);
    expect(found({ ...DEFAULT_DETECTION, rows: 'all' })).toEqual(['found_in_resamples', '', '']);
  });
});
