/**
 * Other analyses of the open model beside the one on the page: which can be read beside it, and how many of them detect
 * each interval. All are read under the same settings and at the same noise level. Pure.
 */
import {
  assertComparable,
  type DetectionSettings,
  differencesOf,
  type NamedReport,
  type OverlaidInterval,
  overlayDetections,
  trajectoryOf,
} from '@/lib/core/detection/index.ts';
import { ContiguaError } from '@/lib/core/errors.ts';
import type { BlockInterval } from '@/lib/core/interval/index.ts';
import type { AnalysisReport, Matrix } from '@/lib/core/report/report.ts';
import { type Noise, type NoiseReading, readingOf } from './noise.ts';

export interface Comparison {
  /** Of those that can be read beside the one on the page, without it. */
  readonly others: readonly NamedReport[];
  /** Why the rest cannot; two of them may have one name. */
  readonly refused: readonly (NamedReport & { readonly reason: string })[];
  /** Detected by any of the analyses, that on the page included: most analyses first. */
  readonly intervals: readonly OverlaidInterval[];
  /** Analyses that are compared, that on the page included. */
  readonly count: number;
}

/** `here` is the analysis on the page as the charts read it; `settings` and `noise` are what it is read with. */
export function compareWith(
  here: NoiseReading,
  others: readonly NamedReport[],
  settings: DetectionSettings,
  noise: Noise,
): Comparison {
  const own = { name: 'the analysis on the page', report: here.report };
  const compared: NamedReport[] = [];
  const refused: (NamedReport & { readonly reason: string })[] = [];
  for (const other of others) {
    const reading = readingOf(other.report, settings, noise);
    const read = { name: other.name, report: reading.report };
    const reason =
      reading.band?.id === here.band?.id ? whyNot(own, read, here.settings) : `${other.name} has no such noise level.`;
    if (reason === null) compared.push(read);
    else refused.push({ ...other, reason });
  }
  const intervals = overlayDetections([own, ...compared], here.settings);
  return { others: compared, refused, intervals, count: compared.length + 1 };
}

/**
 * Names the report that is at fault. What the page can do about a refusal is said in its own words; the terminal's hints name its
 * options.
 */
function whyNot(own: NamedReport, other: NamedReport, settings: DetectionSettings): string | null {
  const [mine, theirs] = [own.report.split.rule, other.report.split.rule];
  if (mine !== theirs) {
    const earlier = theirs === 'golden-ratio' ? other.name : 'The analysis on the page';
    return `${earlier} is of an earlier version, which held out other samples. Held-out figures of both are never in one chart: analyse again on the older inputs.`;
  }
  try {
    assertComparable(own, other, settings);
    return null;
  } catch (thrown) {
    if (!(thrown instanceof ContiguaError)) throw thrown;
    const { summary, details } = thrown;
    const { file = other.name, found, expected } = details;
    const facts = found && expected ? ` (${found}, not ${expected})` : '';
    return [own, other].some(({ name }) => summary.includes(name))
      ? `${summary}${facts}.`
      : `${file}: ${summary}${facts}.`;
  }
}

/** Of the compared analyses, how many detect the interval. */
export function countOf({ intervals }: Comparison, { first, last }: BlockInterval): number {
  return intervals.find(({ interval }) => interval.first === first && interval.last === last)?.count ?? 0;
}

/** cka(u, k) and Δ(u, k) of the others, of the stream that decides, [u][k] each. */
export function curvesOf(
  { others }: Comparison,
  settings: DetectionSettings,
): readonly { readonly cka: Matrix; readonly differences: Matrix }[] {
  return others.map(({ report }) => ({
    cka: trajectoryOf(report, settings),
    differences: differencesOf(report, settings),
  }));
}

/** "Of 3 analyses, all find 0 to 2, 2 find 3 to 5, 1 finds 4 to 5." */
export function agreementWords({ intervals, count }: Comparison): string {
  if (count < 2) return '';
  if (intervals.length === 0) return `None of ${count} analyses finds an interval.`;
  const byCount = new Map<number, string[]>();
  for (const { interval, count: found } of intervals) {
    byCount.set(found, [...(byCount.get(found) ?? []), `${interval.first} to ${interval.last}`]);
  }
  const parts = [...byCount].map(([found, spans]) => {
    const who = found === count ? (count === 2 ? 'both find' : 'all find') : found === 1 ? '1 finds' : `${found} find`;
    return `${who} ${LIST.format(spans)}`;
  });
  return `Of ${count} analyses, ${parts.join('; ')}.`;
}

const LIST = new Intl.ListFormat('en-GB');

/** Whether both are of one measurement, under whatever name: times of blocks never come out alike twice. */
export function isSameMeasurement(a: AnalysisReport, b: AnalysisReport): boolean {
  return a.blockMs.length === b.blockMs.length && a.blockMs.every((ms, block) => ms === b.blockMs[block]);
}
