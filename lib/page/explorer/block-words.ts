/**
 * What an analysis found about each block, in the words that its hover, its focus and a screen reader get: how well a
 * linear probe does the block's work, which interval it is in and which differences decided that, and what the model loses
 * without it. Pure.
 */
import {
  blockAblation,
  type DetectionSettings,
  differencesOf,
  firstRise,
  type Rise,
} from '@/lib/core/detection/index.ts';
import { runEdit } from '@/lib/core/edit/index.ts';
import { type BlockInterval, stackAround } from '@/lib/core/interval/index.ts';
import type { StreamSpec } from '@/lib/core/model/config-index.ts';
import { pairText } from '@/lib/core/pair-text.ts';
import { type AnalysisReport, type Bounds, outputErrorOf } from '@/lib/core/report/report.ts';
import { shareText } from '@/lib/core/share-text.ts';
import { percentWords } from '../browser/number-words.ts';
import { type BreakFinding, roundingSentence } from './break-words.ts';

type Row = readonly (number | null)[];

export interface BlockWordsOptions {
  readonly settings: DetectionSettings;
  /** Under these settings; where nothing is detected, nothing is said of intervals. */
  readonly detected: readonly BlockInterval[];
  /** How often the run from each start breaks at the same block when prompts are resampled [u]; null where unknown. */
  readonly found?: readonly BreakFinding[] | null;
  /** Why a block has no value in a stream, or null. */
  readonly whyNoPart?: (stream: StreamSpec, block: number) => string | null;
}

/** A run of the rule, as it cuts the depth from block 0 on; one of a single block is no interval. */
interface Run extends BlockInterval {
  readonly rise: Rise | null;
}

/** A paragraph for each block, without its number. */
export function blockWords(report: AnalysisReport, options: BlockWordsOptions): readonly string[] {
  const rows = options.detected.length > 0 ? differencesOf(report, options.settings) : [];
  const runs = runsOf(rows, report.model.stacks);
  return Array.from({ length: report.model.numBlocks }, (_, block) => {
    const at = runs.findIndex(({ first, last }) => first <= block && block <= last);
    const run = runs[at];
    return [
      probeSentence(report, options, block),
      run ? runSentences(run, runs[at - 1], block, rows, options) : '',
      costSentence(report, block, run),
    ]
      .filter((sentence) => sentence !== '')
      .join(' ');
  });
}

function runsOf(rows: readonly Row[], stacks: readonly BlockInterval[]): Run[] {
  const runs: Run[] = [];
  for (let first = 0; first < rows.length; ) {
    const { last: final } = stackAround(first, { numBlocks: rows.length, stacks });
    const rise = firstRise((rows[first] ?? []).slice(0, final + 1), first);
    const last = rise ? rise.block - 1 : final;
    runs.push({ first, last, rise });
    first = last + 1;
  }
  return runs;
}

/** "Probe R², held out: image 0.91, text 0.43 (0.31 to 0.52)." */
function probeSentence({ streams, model }: AnalysisReport, { whyNoPart }: BlockWordsOptions, block: number): string {
  const values = model.streams.map((stream) => {
    const { probeR2, probeBounds } = streams[stream.id] ?? {};
    const value = probeR2?.[block] ?? null;
    if (value === null) {
      const reason = whyNoPart?.(stream, block) ?? null;
      return `${stream.label} n/a${reason === null ? '' : ` (${reason})`}`;
    }
    const bounds = probeBounds?.r2[block] ?? null;
    const between = bounds ? ` (${r2Text(bounds.low)} to ${r2Text(bounds.high)})` : '';
    return `${stream.label} ${r2Text(value)}${between}`;
  });
  return values.length === 0 ? '' : `Probe R², held out: ${values.join(', ')}.`;
}

/** Two decimals; more where these would read 1.00. */
const r2Text = (value: number): string => value.toFixed(value >= 0.995 ? 4 : 2).replace('-', '−');

function runSentences(
  run: Run,
  before: Run | undefined,
  block: number,
  rows: readonly Row[],
  options: BlockWordsOptions,
): string {
  if (block > run.first) return insideSentence(run, block, rows[run.first] ?? []);
  const ended = before ? endSentence(before, block, options) : '';
  const own = run.last > run.first ? `It starts ${intervalName(run)}.` : 'It is in no interval.';
  return [ended, own].filter((sentence) => sentence !== '').join(' ');
}

/** Of a run's later blocks: the difference that keeps it in the run. */
function insideSentence(run: Run, block: number, row: Row): string {
  const inside = `It is in ${intervalName(run)}`;
  const delta = row[block] ?? null;
  const from = `from block ${run.first}`;
  if (delta === null) return `${inside}; ${from} it has no difference.`;
  const earlier = row.slice(run.first + 1, block).findLast((value) => value !== null) ?? null;
  if (earlier === null) return `${inside}, with the first difference ${from}, ${pairText(delta, 0)[0]}.`;
  const [was, is] = pairText(earlier, delta);
  return `${inside}: ${from} the difference ${delta < earlier ? 'falls' : 'stays'} here, ${is} after ${was}.`;
}

/** Of the block after a run: what ended it. */
function endSentence({ first, last, rise }: Run, block: number, { found: all }: BlockWordsOptions): string {
  if (!rise) return `The seam between two stacks is before it.`;
  const [was, is] = pairText(rise.before.delta, rise.delta);
  const found = all?.[first] ?? null;
  const share =
    found && found.share !== null ? ` (as in ${shareText(found.share)} of ${found.resamples} resamples)` : '';
  const after = rise.before.block === block - 1 ? `after ${was}` : `after ${was} at block ${rise.before.block}`;
  return `From block ${first} the difference rises here, ${is} ${after}, so ${intervalName({ first, last })} ends before it${share}.${roundingSentence(rise)}`;
}

const intervalName = ({ first, last }: BlockInterval): string => `the interval [${first}, ${last}]`;

/** The output error without the block; where that was not measured, without the later blocks of its interval. */
function costSentence(report: AnalysisReport, block: number, run: Run | undefined): string {
  const alone = blockAblation(report, block);
  if (alone) return `Removing it ${costs(alone.outputError, alone.bounds)}.`;
  if (!run || run.last === run.first || block === run.first) return '';
  const together = outputErrorOf(report, runEdit(run, 'nothing'));
  if (together === undefined) return '';
  return `Removing blocks ${run.first + 1} to ${run.last} ${costs(together)}.`;
}

function costs(error: number | null, bounds: Bounds | null = null): string {
  if (error === null) return 'makes the output overflow';
  const between = bounds ? ` (${percentWords(bounds.low)} to ${percentWords(bounds.high)})` : '';
  return `costs ${percentWords(error)} output error${between}`;
}
