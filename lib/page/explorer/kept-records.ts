/**
 * Which kept analysis an address means, and which ones make room. A record's key is all that made the analysis: the
 * model's fingerprint, the calibration's text, then the analysis settings; so two tabs with other inputs never write
 * over each other. Versions before had keys of fingerprint and calibration alone: these are read as they are. Pure.
 */
import type { AnalysisReport } from '@/lib/core/report/report.ts';

/** Kept per model; the oldest go first. */
export const MOST_KEPT = 12;

export interface KeptRecord {
  readonly key: string;
  readonly fingerprint: string;
  readonly savedAtMs: number;
  /** The report as JSON. */
  readonly text: string;
}

/** `inputs` is the calibration's text (see calibration.ts). */
export function recordOf(inputs: string, report: AnalysisReport, savedAtMs: number): KeptRecord {
  const text = JSON.stringify(report);
  return { key: keyOf(inputs, report), fingerprint: fingerprintOf(report), savedAtMs, text };
}

/** Analyses of the page are of an open model, whose fingerprint is known. */
const fingerprintOf = ({ model }: AnalysisReport): string => model.fingerprint ?? '';

function keyOf(inputs: string, report: AnalysisReport): string {
  const { settings, split, version } = report;
  // `heldOutShare` and `split` were settings in version 2, whose keys are still there.
  const rule = { heldOutShare: split.share, split: split.rule };
  const made = Object.entries({ version, ...settings, ...rule }).map(([name, value]) => `${name}=${value}`);
  return [fingerprintOf(report), inputs, ...made.sort()].join(' ');
}

/** The calibration that the record's key states. The key of an earlier version may hold a file name with spaces. */
export function inputsOf({ key, fingerprint }: KeptRecord): string {
  return key.slice(fingerprint.length + 1).replace(/( [A-Za-z]+=[^ ]+)+$/, '');
}

export function newestFirst<R extends Pick<KeptRecord, 'savedAtMs'>>(records: readonly R[]): readonly R[] {
  return records.toSorted((a, b) => b.savedAtMs - a.savedAtMs);
}

/** Those that make room for `added`; never that one, whatever the clock says. All are of one model. */
export function beyondLimit(records: readonly KeptRecord[], added: KeptRecord): readonly KeptRecord[] {
  return newestFirst(records.filter(({ key }) => key !== added.key)).slice(MOST_KEPT - 1);
}

/** Records of an earlier version that hold the same analysis as `added`, which takes their place. */
export function sameAnalysis(
  records: readonly KeptRecord[],
  added: KeptRecord,
  read: (text: string) => AnalysisReport | null,
): readonly KeptRecord[] {
  const inputs = inputsOf(added);
  return records.filter((record) => {
    if (record.key === added.key || inputsOf(record) !== inputs) return false;
    const report = read(record.text);
    return report !== null && keyOf(inputs, report) === added.key;
  });
}
