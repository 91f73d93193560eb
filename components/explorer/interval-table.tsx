'use client';
/** Intervals as rows: how alike the surrogate stays, what taking them out costs, how often they are found, and a switch for each. */
import { useMemo } from 'react';
import { similarityText } from '@/components/charts';
import { Switch } from '@/components/ui/switch';
import {
  type DamageScore,
  type DetectionSettings,
  type Score,
  scoreNamed,
  similarityBoundsOf,
  similarityOf,
} from '@/lib/core/detection/index.ts';
import { type RunEdit, runEdit, sameEdit } from '@/lib/core/edit/index.ts';
import { type BlockInterval, formatIntervalKey, sameInterval } from '@/lib/core/interval/index.ts';
import { type AnalysisReport, damageOf } from '@/lib/core/report/report.ts';
import { shareText } from '@/lib/core/share-text.ts';
import { shareRangeWords } from '@/lib/page/browser/confidence-words.ts';
import { percentWords, SURROGATE_CKA } from '@/lib/page/browser/number-words.ts';
import { setHover } from '@/lib/page/explorer/hover.ts';
import { whyNotResampled } from '@/lib/page/explorer/reading.ts';
import { choose, chosenRuns, newEdit } from '@/lib/page/explorer/selection.ts';
import { ReplacementSelect } from './replacement-select';
import { useAnalysis } from './use-analysis';
import { useFoundIn } from './use-linked';
import { useSelection } from './use-model';
import { useNoiseReading } from './use-noise';
import { useSetting } from './use-settings';

/** Before an arrow, which belongs to the last word. */
const NO_BREAK = '\u00a0';

interface IntervalTableProps {
  /** In the order of the rows. */
  intervals: readonly BlockInterval[];
  detected: readonly BlockInterval[];
  /** Sorted by how often resamples find them, not by damage. */
  bySureness: boolean;
  /** What ranks otherwise: another score where the wanted one is not measured on all of them. */
  ranking: DamageScore;
  onSort: (bySureness: boolean) => void;
}

export function IntervalTable({ intervals, detected, bySureness, ranking, onSort }: IntervalTableProps) {
  const report = useAnalysis((state) => state.report);
  const measuring = useAnalysis((state) => state.measuring);
  const settings = useSetting('detection');
  const score = useSetting('score');
  const chosen = useSelection(chosenRuns);
  const here = useNoiseReading();
  const foundIn = useFoundIn();
  const whyNotFound = useMemo(() => report && whyNotResampled(report, settings), [report, settings]);
  // Similarity has a column of its own.
  const shown = scoreNamed(scoreNamed(score).isSimilarity ? 'removed' : score);
  const isSortedBy = {
    similarity: !bySureness && scoreNamed(ranking).isSimilarity,
    shown: !bySureness && ranking === shown.name,
  };
  return (
    <table className="w-full text-xs">
      <thead className="sticky top-0 bg-panel text-muted">
        <tr className="h-10 align-bottom [&>th]:pt-1">
          <th scope="col" className="pb-1 text-left font-normal">
            Blocks
          </th>
          <th
            scope="col"
            className="w-14 pb-1 text-right font-normal"
            title="How alike the true and the probe-replaced states are after the last block of the interval"
            aria-sort={isSortedBy.similarity ? 'descending' : undefined}
          >
            {SURROGATE_CKA}
            {isSortedBy.similarity ? `${NO_BREAK}↓` : ''}
          </th>
          <th
            scope="col"
            className="w-12 pb-1 pl-1 text-right font-normal"
            title={shown.about}
            aria-sort={isSortedBy.shown ? 'ascending' : undefined}
          >
            {shown.heading ?? shown.label}
            {isSortedBy.shown ? `${NO_BREAK}↑` : ''}
          </th>
          <th
            scope="col"
            className="w-10 pb-1 pl-1 text-right font-normal"
            aria-sort={bySureness ? 'descending' : undefined}
          >
            <button
              type="button"
              className="text-right hover:text-ink"
              aria-pressed={bySureness}
              title="Share of the resamples of the held-out prompts in which the rule finds the interval; click to sort by it, or by damage again"
              onClick={() => onSort(!bySureness)}
            >
              found in{bySureness ? `${NO_BREAK}↓` : ''}
            </button>
          </th>
          <th scope="col" className="pb-1 text-right font-normal">
            out
          </th>
        </tr>
      </thead>
      <tbody>
        {intervals.map((interval) => (
          <Row
            key={formatIntervalKey(interval)}
            interval={interval}
            ckaRanges={here ? similarityRanges(here.report, here.settings, interval) : null}
            cka={here ? similarityOf(here.report, here.settings, interval) : null}
            damage={damageWords(
              here ? shown.of(here.report, interval, here.settings) : null,
              shown,
              isMeasuring(measuring, interval, shown),
            )}
            range={here ? rangeOf(here.report, interval, shown) : null}
            found={foundIn(interval)}
            whyNotFound={whyNotFound}
            chosen={chosen.find((edit) => sameInterval(edit, interval)) ?? null}
            origin={originOf(interval, detected)}
          />
        ))}
      </tbody>
    </table>
  );
}

/** The error that the column shows is on its way. */
function isMeasuring(measuring: readonly RunEdit[], interval: BlockInterval, { needs: by }: Score): boolean {
  return by !== null && measuring.some((edit) => sameEdit(edit, runEdit(interval, by)));
}

interface RowProps {
  interval: BlockInterval;
  cka: number | null;
  /** 95 % interval of each stream, in words; null where there is none. */
  ckaRanges: string | null;
  damage: string;
  /** 95 % interval of the damage, in words; null where there is none. */
  range: string | null;
  /** Null where nothing was resampled. */
  found: number | null;
  whyNotFound: string | null;
  /** Null unless it is chosen. */
  chosen: RunEdit | null;
  /** Where it comes from, unless it was detected as it is. */
  origin: string | null;
}

function Row({ interval, cka, ckaRanges, damage, range, found, whyNotFound, chosen, origin }: RowProps) {
  const { first, last } = interval;
  return (
    <tr
      className="h-6 align-top leading-5 hover:bg-panel-2 [&>td]:pt-0.5 [&>td]:whitespace-nowrap"
      onPointerEnter={() => setHover({ block: first, other: last })}
      onPointerLeave={() => setHover({ block: null })}
    >
      <td>
        <span className="flex h-5 items-center gap-1">
          <span className={chosen ? 'font-medium text-accent' : ''}>
            {first}–{last}
          </span>
          {chosen ? <ReplacementSelect edit={chosen} /> : null}
        </span>
        {origin ? <span className="block text-2xs text-muted">{origin}</span> : null}
      </td>
      <td className="text-right" title={ckaRanges ?? undefined}>
        {similarityText(cka)}
      </td>
      <td className="text-right" title={range ?? undefined}>
        {damage}
      </td>
      <td
        className="pl-1 text-right"
        title={found === null ? (whyNotFound ?? undefined) : `In ${shareText(found)} of the resamples`}
      >
        {found === null ? 'n/a' : shareText(found)}
      </td>
      <td className="pl-1.5">
        <div className="flex h-5 items-center justify-end">
          <Switch
            name={`Take out interval ${first} to ${last}`}
            on={chosen !== null}
            onChange={() => choose({ type: 'toggle', edit: newEdit(interval) })}
          />
        </div>
      </td>
    </tr>
  );
}

function originOf({ first, last }: BlockInterval, detected: readonly BlockInterval[]): string | null {
  const around = detected.find((found) => found.first <= first && last <= found.last);
  if (!around) return 'drawn';
  return around.first === first && around.last === last ? null : `of ${around.first}–${around.last}`;
}

/** Errors as percent of the output; sums and differences, which have no such meaning, as plain numbers. */
function damageWords(value: number | null, score: Score, measuring: boolean): string {
  if (value === null) return measuring ? '…' : 'n/a';
  return score.isShare ? percentWords(value) : value.toFixed(4);
}

/** "95 % of resamples: image 0.9945 to 0.9979, text …"; null at one noise level and wherever nothing was resampled. */
function similarityRanges(report: AnalysisReport, settings: DetectionSettings, interval: BlockInterval): string | null {
  const ranges = similarityBoundsOf(report, settings, interval).map(({ stream, value, bounds }) => {
    const label = report.model.streams.find(({ id }) => id === stream)?.label ?? stream;
    return `${label} ${similarityText(value)} (${similarityText(bounds.low)} to ${similarityText(bounds.high)})`;
  });
  return ranges.length === 0 ? null : `95 % of resamples: ${ranges.join(', ')}`;
}

/** Of a score that is the measured error of one edit; null for all others, and at one noise level, where nothing is resampled. */
function rangeOf(report: AnalysisReport, interval: BlockInterval, { name, needs }: Score): string | null {
  if (needs === null || (name !== 'removed' && name !== 'probed' && name !== 'linear')) return null;
  const bounds = damageOf(report, runEdit(interval, needs))?.bounds;
  return bounds ? `95 % interval ${shareRangeWords(bounds)}` : null;
}
