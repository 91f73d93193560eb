/**
 * Detections of several reports of one model side by side: other seeds or other calibrations. How far they agree says more
 * than the bounds of one report, whose probes are fitted once. Reports are compared only if they are of the same model,
 * split their samples by the same rule and can be read as the settings ask: one that cannot does not say that there is nothing.
 */
import { ContiguaError } from '../errors.ts';
import { type BlockInterval, containsInterval, formatIntervalKey } from '../interval/index.ts';
import type { AnalysisReport } from '../report/report.ts';
import { foundIn } from './found-in.ts';
import { readingProblem } from './reading.ts';
import { problemReason } from './reading-words.ts';
import { detectIntervals } from './rule.ts';
import type { DetectionSettings } from './settings.ts';
import { hasRows } from './trajectory.ts';

export interface NamedReport {
  /** As it is to be called in messages: a file's name. */
  readonly name: string;
  readonly report: AnalysisReport;
}

export interface OverlaidInterval {
  readonly interval: BlockInterval;
  /** Of each report, in their order: whether it detects the interval, and in which share of its resamples. */
  readonly of: readonly { readonly detected: boolean; readonly share: number | null }[];
  /** Reports that detect it. */
  readonly count: number;
}

/** Throws `plan-mismatch` unless `other` can be read beside `first`. */
export function assertComparable(first: NamedReport, other: NamedReport, settings: DetectionSettings): void {
  const refuse = (summary: string, found: string, expected: string, hint: string) => {
    throw new ContiguaError('plan-mismatch', summary, { file: other.name, found, expected, hint });
  };
  const model = ({ report }: NamedReport) => `${report.model.name} with fingerprint ${report.model.fingerprint}`;
  if (first.report.model.fingerprint === null || other.report.model.fingerprint !== first.report.model.fingerprint) {
    refuse('The reports are of different models', model(other), model(first), 'Compare reports of one model.');
  }
  if (other.report.split.rule !== first.report.split.rule) {
    refuse(
      'The reports split their samples by different rules',
      other.report.split.rule,
      `${first.report.split.rule}, as ${first.name}`,
      'Their held-out figures mean different things. Analyse the model again with the older calibration.',
    );
  }
  for (const { name, report } of [first, other]) {
    if (hasRows(report, settings)) continue;
    throw new ContiguaError('plan-mismatch', `The report has no similarities over ${settings.rows} tokens`, {
      file: name,
      found: `a report whose samples were split by ${report.split.rule}`,
      hint: 'Compare over all tokens (--rows all).',
    });
  }
  for (const { name, report } of [other, first]) {
    const problem = readingProblem(report, settings);
    if (!problem) continue;
    const where = name === other.name ? '' : ` in ${name}`;
    const reason = problemReason(problem, report).replace(/\.$/, '');
    throw new ContiguaError('plan-mismatch', `No intervals are detected${where}: ${reason}`, {
      file: other.name,
      hint: 'Leave the report out, or analyse its model again on more samples.',
    });
  }
}

/** Every interval that one of the reports detects: most reports first, then by depth. */
export function overlayDetections(reports: readonly NamedReport[], settings: DetectionSettings): OverlaidInterval[] {
  const [first, ...others] = reports;
  if (!first) return [];
  for (const other of others) assertComparable(first, other, settings);
  const detected = reports.map(({ report }) => detectIntervals(report, settings));
  const all = new Map<string, BlockInterval>();
  for (const interval of detected.flat()) all.set(formatIntervalKey(interval), interval);
  return [...all.values()]
    .map((interval) => {
      const of = reports.map(({ report }, i) => ({
        detected: containsInterval(detected[i]!, interval),
        share: foundIn(report, settings, interval),
      }));
      return { interval, of, count: of.filter((one) => one.detected).length };
    })
    .sort((a, b) => b.count - a.count || a.interval.first - b.interval.first || a.interval.last - b.interval.last);
}
