/** Where the run of blocks from a start ends, in one sentence that a reader can check on the curve of differences. Pure. */
import {
  confidenceUnder,
  type DetectionSettings,
  differencesOf,
  firstRise,
  type Rise,
} from '@/lib/core/detection/index.ts';
import { type BlockInterval, stackAround } from '@/lib/core/interval/index.ts';
import { pairText } from '@/lib/core/pair-text.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { shareText } from '@/lib/core/share-text.ts';

/** A rise below this is within the rounding errors of a measurement in single precision. */
const ROUNDING = 1e-5;

export interface BreakFinding {
  /** How often resampled prompts break at the same block; null where that was not computed. */
  readonly share: number | null;
  readonly resamples: number;
}

/** Of the run from every start, under these settings [u]; null where nothing was resampled for them. */
export function breakFindings(
  report: Pick<AnalysisReport, 'confidence' | 'streams' | 'model'>,
  settings: DetectionSettings,
): readonly BreakFinding[] | null {
  const { confidence } = report;
  const resampled = confidenceUnder(report, settings);
  if (!confidence || !resampled) return null;
  const { stacks } = report.model;
  return differencesOf(report, settings).map((row, start) => {
    const { last } = stackAround(start, { numBlocks: row.length, stacks });
    const rise = firstRise(row.slice(0, last + 1), start);
    if (!rise) return { share: null, resamples: confidence.resamples };
    // Breaks that no resample has are not listed.
    const share = resampled.breaks.find((one) => one.start === start && one.block === rise.block - 1)?.share ?? 0;
    return { share, resamples: confidence.resamples };
  });
}

/** `differences` is Δ(start, ·), one value per block; null up to the start and where no stream has one. A seam ends a run. */
export function breakWords(
  differences: readonly (number | null)[],
  start: number,
  stacks: readonly BlockInterval[] = [],
  found: BreakFinding | null = null,
): string {
  const { last: final } = stackAround(start, { numBlocks: differences.length, stacks });
  const end = final === differences.length - 1 ? 'the last block' : 'the seam between two stacks';
  if (start >= final) {
    return final === differences.length - 1
      ? `Block ${start} is the last one: no run starts here.`
      : `Block ${start} is the last one before the seam between two stacks: no run starts here.`;
  }
  const rise = firstRise(differences.slice(0, final + 1), start);
  const last = rise ? rise.block - 1 : final;
  const within = Array.from({ length: last - start }, (_, i) => start + 1 + i).filter(
    (k) => typeof differences[k] === 'number',
  );
  const blocks = `blocks ${start} ${last === start + 1 ? 'and' : 'to'} ${last} are one run`;
  if (!rise) {
    return within.length > 1
      ? `From block ${start} the difference never rises: ${blocks}, up to ${end}.`
      : `From block ${start} there is no second difference to rise: ${blocks}, up to ${end}.`;
  }
  const [before, after] = pairText(rise.before.delta, rise.delta);
  const compared = `Δ(${start}, ${rise.before.block}) = ${before}`;
  const deciding = `Δ(${start}, ${rise.block}) = ${after}`;
  const rest = foundSentence(found) + roundingSentence(rise);
  // A single difference has nothing before it to fall from.
  if (within.length === 1) return `From block ${start}, ${deciding} is already above ${compared}: ${blocks}.${rest}`;
  return `From block ${start} the difference falls to ${compared}, then rises to ${deciding}: ${blocks}.${rest}`;
}

function foundSentence(found: BreakFinding | null): string {
  if (!found || found.share === null) return '';
  return ` ${shareText(found.share)} of ${found.resamples} resamples break there.`;
}

export function roundingSentence({ delta, before }: Rise): string {
  return delta - before.delta < ROUNDING ? ' So small a rise is within the rounding of the measurement.' : '';
}
