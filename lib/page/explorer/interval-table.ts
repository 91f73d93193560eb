/**
 * The interval table as CSV: every score of every interval, full precision, empty where nothing was measured. Columns of
 * earlier versions keep their places: what replaces a chosen run, the share of resamples that find it and later scores follow.
 */
import { DAMAGE_SCORES, type DetectionSettings, foundIn, similarityOf } from '@/lib/core/detection/index.ts';
import { type RunSet, replacementWord } from '@/lib/core/edit/index.ts';
import { type BlockInterval, containsInterval, sameInterval } from '@/lib/core/interval/index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';

const [EARLIER, LATER] = [DAMAGE_SCORES.slice(0, 5), DAMAGE_SCORES.slice(5)];

export interface IntervalTable {
  readonly report: AnalysisReport;
  readonly settings: DetectionSettings;
  /** In the order of the rows. */
  readonly intervals: readonly BlockInterval[];
  readonly detected: readonly BlockInterval[];
  readonly chosen: RunSet;
}

export function intervalCsv({ report, settings, intervals, detected, chosen }: IntervalTable): string {
  const header = [
    'first',
    'last',
    'removed_blocks',
    'detected',
    'chosen',
    'surrogate_cka',
    ...EARLIER.map(({ column }) => column),
    'replaced_by',
    'found_in_resamples',
    ...LATER.map(({ column }) => column),
  ];
  const rows = intervals.map((interval) => [
    interval.first,
    interval.last,
    interval.last - interval.first,
    containsInterval(detected, interval),
    containsInterval(chosen, interval),
    similarityOf(report, settings, interval),
    ...EARLIER.map((score) => score.of(report, interval, settings)),
    replacementOf(chosen, interval),
    foundIn(report, settings, interval),
    ...LATER.map((score) => score.of(report, interval, settings)),
  ]);
  return [header, ...rows].map((row) => `${row.map((field) => field ?? '').join(',')}\r\n`).join('');
}

function replacementOf(chosen: RunSet, interval: BlockInterval): string | null {
  const edit = chosen.find((one) => sameInterval(one, interval));
  return edit ? replacementWord(edit.by) : null;
}
