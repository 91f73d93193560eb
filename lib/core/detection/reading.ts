/**
 * Whether a report can be read as the settings ask. Where it cannot, no intervals are detected and the problem is told
 * where they would be. Reading all tokens is an explicit choice: few tokens are then a caveat, and a problem only where the
 * probes of every stream reproduce the tokens that they were fitted on, so that differences are what rounding leaves.
 */
import type { AnalysisReport } from '../report/report.ts';
import { rowsNeeded } from './rows-needed.ts';
import type { DetectionSettings } from './settings.ts';
import { chosenStreams, type ReportStreams } from './trajectory.ts';

export type ReadableReport = ReportStreams & {
  readonly model?: Partial<Pick<AnalysisReport['model'], 'width'>>;
};

export interface ShortStream {
  readonly stream: string;
  readonly part: 'fitted' | 'held out';
  readonly rows: number;
  readonly needed: number;
}

export type ReadingProblem =
  /** Similarities over these tokens were never taken: by an earlier version, or as nothing was held out. */
  | { readonly kind: 'no-such-rows' }
  | { readonly kind: 'too-few-rows'; readonly short: readonly ShortStream[] }
  | { readonly kind: 'reproduced'; readonly short: readonly ShortStream[] };

type Reading = Pick<DetectionSettings, 'rows' | 'streams'>;

/** Null where the report can be read so. */
export function readingProblem(report: ReadableReport, settings: Reading): ReadingProblem | null {
  const streams = chosenStreams(report, settings.streams);
  if (streams.every(([, { similarity }]) => similarity[settings.rows] === null)) return { kind: 'no-such-rows' };
  const width = report.model?.width ?? null;
  if (width === null) return null;
  if (settings.rows === 'all') {
    const fitted = partsOf(report, settings).filter(({ part }) => part === 'fitted');
    // Where one of the streams varies, it decides.
    return fitted.every(({ rows }) => rows <= width + 1)
      ? { kind: 'reproduced', short: fitted.map((one) => ({ ...one, needed: width + 2 })) }
      : null;
  }
  const short = shortStreams(report, settings, width);
  return short.length > 0 ? { kind: 'too-few-rows', short } : null;
}

/** Tokens of one stream, by side. */
export interface TokenCounts {
  readonly fitted: number;
  readonly heldOut: number;
}

/** The same before there is a report: whether streams of so many tokens can be read, held-out ones or else all of them. */
export function areReadable(streams: readonly TokenCounts[], width: number): boolean {
  const present = streams.filter(({ fitted, heldOut }) => fitted + heldOut > 0);
  const needed = rowsNeeded(width);
  return (
    present.every(({ fitted, heldOut }) => fitted >= needed.fitted && heldOut >= needed.heldOut) ||
    present.some(({ fitted }) => fitted > width + 1)
  );
}

/** What of the chosen streams has too few tokens to be read over held-out ones, whatever is read. */
export function shortStreams(report: ReadableReport, settings: Reading, width: number): readonly ShortStream[] {
  const needed = rowsNeeded(width);
  return partsOf(report, settings)
    .map((one) => ({ ...one, needed: one.part === 'fitted' ? needed.fitted : needed.heldOut }))
    .filter((one) => one.rows < one.needed);
}

/** Tokens of every chosen stream that has any, by side. */
function partsOf(report: ReadableReport, { streams }: Reading): Omit<ShortStream, 'needed'>[] {
  return chosenStreams(report, streams).flatMap(([stream, { similarity }]) => {
    const heldOut = similarity['held-out']?.rows ?? 0;
    // A noise level alone holds held-out tokens alone; its probes are those of all levels.
    if (similarity.all === null) return heldOut === 0 ? [] : [{ stream, part: 'held out' as const, rows: heldOut }];
    return [
      { stream, part: 'fitted' as const, rows: similarity.all.rows - heldOut },
      { stream, part: 'held out' as const, rows: heldOut },
    ];
  });
}
