/**
 * From a report to the two curves the rule looks at, for every start block u: `cka(u, k)` and its first difference with
 * the sign turned, `Δ(u, k) = cka(u, k−1) − cka(u, k)`. All streams share one axis: their mean decides by default.
 * A stream that block k does not update has null at k and takes no part there: the mean is then that of the others, and
 * so is the difference (each stream is differenced before the mean, so that a stream dropping out makes no jump).
 */
import { ContiguaError } from '../errors.ts';
import type { AnalysisReport, Bounds, Matrix, StreamAnalysis } from '../report/report.ts';
import type { DetectionSettings } from './settings.ts';

export type ReportStreams = Pick<AnalysisReport, 'streams'>;
type Row = readonly (number | null)[];

/** `cka(u, k)` under the settings, [M][M]; null for k < u, where no stream has a value, and everywhere where the report has no such rows. */
export function trajectoryOf(report: ReportStreams, settings: DetectionSettings): Matrix {
  return meanOf(matricesOf(report, settings));
}

/** `Δ(u, k)` under the settings, [M][M]; null for k ≤ u, where no stream has a difference, and everywhere where the report has no such rows. */
export function differencesOf(report: ReportStreams, settings: DetectionSettings): Matrix {
  return meanOf(matricesOf(report, settings).map((matrix) => matrix.map(differences)));
}

/**
 * `Δ(k) = row(k−1) − row(k)` of one trajectory. A null in between means "state unchanged", so the difference at the next
 * value is taken from the last value before it. Null where there is no value or nothing before it.
 */
export function differences(row: Row): (number | null)[] {
  let before: number | null = null;
  return row.map((value) => {
    if (value === null) return null;
    const difference = before === null ? null : before - value;
    before = value;
    return difference;
  });
}

/** The surrogate's similarity `cka(first, last)`, or null where it has none. */
export function similarityOf(
  report: ReportStreams,
  settings: DetectionSettings,
  interval: { readonly first: number; readonly last: number },
): number | null {
  const values = matricesOf(report, settings).map((matrix) => matrix[interval.first]?.[interval.last] ?? null);
  return meanOfPresent(values);
}

export interface StreamSimilarity {
  readonly stream: string;
  readonly value: number;
  readonly bounds: Bounds;
}

/** The same of each stream that decides, with its bounds; none where nothing was resampled, or where a stream has no value. */
export function similarityBoundsOf(
  report: ReportStreams,
  { rows, estimator, start, target, streams }: DetectionSettings,
  { first, last }: { readonly first: number; readonly last: number },
): readonly StreamSimilarity[] {
  return chosenStreams(report, streams).flatMap(([stream, { similarity }]) => {
    const found = similarity[rows];
    const reading = `${start}/${target}` as const;
    const value = found?.trajectories[estimator][reading][first]?.[last] ?? null;
    const bounds = found?.bounds?.trajectories[estimator][reading];
    const low = bounds?.low[first]?.[last] ?? null;
    const high = bounds?.high[first]?.[last] ?? null;
    return value === null || low === null || high === null ? [] : [{ stream, value, bounds: { low, high } }];
  });
}

/**
 * Whether the report has similarities for the settings to read: one of version 1 or 2 has none over held-out tokens. A
 * stream without tokens has none and takes no part in the mean.
 */
export function hasRows(
  report: ReportStreams,
  { rows, streams }: Pick<DetectionSettings, 'rows' | 'streams'>,
): boolean {
  return chosenStreams(report, streams).some(([, { similarity }]) => similarity[rows] !== null);
}

function matricesOf(report: ReportStreams, settings: DetectionSettings): Matrix[] {
  const { rows, estimator, start, target, streams } = settings;
  return chosenStreams(report, streams).map(
    ([, { similarity, probeR2 }]) =>
      similarity[rows]?.trajectories[estimator][`${start}/${target}`] ?? unknown(probeR2.length),
  );
}

/** All streams, or the one that decides. */
export const chosenStreams = (
  report: ReportStreams,
  streams: string,
): readonly (readonly [string, StreamAnalysis])[] =>
  streams === 'mean' ? Object.entries(report.streams) : [[streams, streamOf(report, streams)]];

const unknown = (blocks: number): Matrix =>
  Array.from({ length: blocks }, () => new Array<number | null>(blocks).fill(null));

function streamOf({ streams }: ReportStreams, id: string): StreamAnalysis {
  const found = streams[id];
  if (found) return found;
  throw new ContiguaError('settings-invalid', 'The analysis has no such stream', {
    found: id,
    expected: ['mean', ...Object.keys(streams)].join(', '),
  });
}

function meanOf(matrices: readonly Matrix[]): Matrix {
  const [shape] = matrices;
  if (!shape) return [];
  return shape.map((row, u) => row.map((_, k) => meanOfPresent(matrices.map((m) => m[u]?.[k] ?? null))));
}

function meanOfPresent(values: readonly (number | null)[]): number | null {
  const present = values.filter((value) => value !== null);
  return present.length === 0 ? null : present.reduce((sum, value) => sum + value, 0) / present.length;
}
