'use client';
/** Detected and chosen intervals, least predicted damage first, and the slider that takes them in that order. */
import { useMemo, useState } from 'react';
import { useStore } from 'zustand';
import { shareText, similarityText } from '@/components/charts';
import { Button, IconButton } from '@/components/ui/button';
import { Help } from '@/components/ui/help';
import { DownloadIcon } from '@/components/ui/icons';
import { Panel } from '@/components/ui/panel';
import { Progress } from '@/components/ui/progress';
import { Select } from '@/components/ui/select';
import { Switch } from '@/components/ui/switch';
import {
  chooseByBudget,
  DAMAGE_SCORES,
  DEFAULT_DAMAGE_SCORE,
  rankByDamage,
  type Score,
  scoreNamed,
  similarityOf,
  totalScore,
} from '@/lib/core/detection/index.ts';
import { type Edit, type RunEdit, runEdit, sameEdit } from '@/lib/core/edit/index.ts';
import {
  type BlockInterval,
  containsInterval,
  removedCount,
  sameInterval,
  sameIntervals,
} from '@/lib/core/interval/index.ts';
import { saveCsv } from '@/lib/page/browser/export-chart.ts';
import { percentWords, SURROGATE_CKA, scoreWords } from '@/lib/page/browser/number-words.ts';
import { analysisStore } from '@/lib/page/explorer/analysis.ts';
import { setHover } from '@/lib/page/explorer/hover.ts';
import { intervalCsv } from '@/lib/page/explorer/interval-table.ts';
import { wantedFile } from '@/lib/page/explorer/probe-source.ts';
import { setRanking, takeBlocks, takeLeast, takenStore } from '@/lib/page/explorer/ranking.ts';
import { whyNotResampled } from '@/lib/page/explorer/reading.ts';
import { refitStore, refitWords } from '@/lib/page/explorer/refitting.ts';
import { choose, newEdit, selectionStore } from '@/lib/page/explorer/selection.ts';
import { settingsStore } from '@/lib/page/explorer/settings.ts';
import { BudgetSlider } from './budget-slider';
import { ReplacementSelect } from './replacement-select';
import { useDetected, useFoundIn } from './use-linked';
import { useNoiseReading } from './use-noise';
import { useReading } from './use-reading';
import { useCalibrationChanges } from './use-report-mark';

/** The one that predicts best first. */
const SCORES = DAMAGE_SCORES.toSorted(
  (a, b) => Number(b.name === DEFAULT_DAMAGE_SCORE) - Number(a.name === DEFAULT_DAMAGE_SCORE),
).map((score) => ({ value: score.name, label: score.label }));
/** What "least" is least of. */
const LEAST = scoreNamed(DEFAULT_DAMAGE_SCORE).label;
/** Six rows and the head at least; more where the window is tall. */
const LIST_HEIGHT = 'clamp(184px, 100dvh - 748px, 304px)';

export function IntervalPanel() {
  const report = useStore(analysisStore, (state) => state.report);
  const measuring = useStore(analysisStore, (state) => state.measuring);
  const { detection: settings, score } = useStore(settingsStore);
  const chosen = useStore(selectionStore, (state) => state.selection.present);
  const detected = useDetected();
  const here = useNoiseReading();
  const caveat = useReading();
  const changes = useCalibrationChanges();
  const taken = useStore(takenStore);
  const foundIn = useFoundIn();
  const whyNotFound = useMemo(() => report && whyNotResampled(report, settings), [report, settings]);
  const [bySureness, setBySureness] = useState(false);

  const ranked = useMemo(
    () => (report ? rankByDamage(report, detected, score, settings) : []),
    [report, detected, score, settings],
  );
  const rows = useMemo(() => {
    const own = chosen.filter((interval) => !containsInterval(detected, interval));
    const all = [...detected, ...own];
    if (!report) return all.map((interval) => ({ interval, score: null as number | null }));
    const byDamage = rankByDamage(report, all, score, settings);
    const share = ({ interval }: (typeof byDamage)[number]) => foundIn(interval) ?? -1;
    return bySureness ? byDamage.toSorted((a, b) => share(b) - share(a)) : byDamage;
  }, [report, detected, chosen, score, settings, bySureness, foundIn]);

  // Similarity has a column of its own.
  const bySimilarity = scoreNamed(score).isSimilarity;
  const shown = scoreNamed(bySimilarity ? 'removed' : score);
  const most = removedCount(detected);
  const removed = removedCount(chosen);
  return (
    <Panel
      title="Intervals"
      help={
        <Help about="an interval">
          <p>
            An interval [u, v] counts both ends. Its first block stays and stands for all of it; the other v − u blocks
            go: just <em>removed</em>, or replaced by their linear <em>probes</em>.
          </p>
          <p>
            <em>Surrogate CKA</em>: how alike the true and the probe-replaced states are after its last block. (The map
            shows <em>state CKA</em>, which compares the true states of two blocks.) The column beside it is the score
            that you rank by, or the error of the model's output when the blocks are taken out. Detection proposes
            nearly the whole depth, so the ranking decides; of five candidates 1 − surrogate CKA predicted best what
            happens to the sample's pictures.
          </p>
          <p>
            <em>Found in</em>: the share of 200 resamples of the held-out prompts in which the rule finds the very same
            interval. Of an interval that half of them miss, the data do not say where it ends. Runs that you drew are
            seldom found.
          </p>
          <p>
            <em>Minimise 1 − surrogate CKA</em> takes as many blocks out, by those of all intervals, detected or not,
            whose 1 − surrogate CKA is least in total; other scores may rise. Near half the depth that kept far more of
            the sample's pictures than the detected ones.
          </p>
        </Help>
      }
      reading={
        [
          changes.length > 0 ? `Outdated (${changes.join(', ')}).` : '',
          here?.band ? `Values at ${here.band.id} noise; order and choice of all levels together.` : '',
          caveat ?? '',
        ]
          .filter((sentence) => sentence !== '')
          .join(' ') || undefined
      }
      tools={
        <>
          <IconButton
            name="Download intervals as CSV"
            disabled={!report || rows.length === 0}
            onClick={() => {
              if (!report) return;
              const intervals = rows.map(({ interval }) => interval);
              const table = intervalCsv({ report, settings, intervals, detected, chosen });
              saveCsv(`contigua-${report.model.name}-intervals.csv`, table);
            }}
          >
            <DownloadIcon />
          </IconButton>
          <Button
            look="ghost"
            small
            className="-mr-2"
            disabled={chosen.length === 0}
            onClick={() => choose({ type: 'clear' })}
          >
            Clear
          </Button>
        </>
      }
    >
      <BudgetSlider
        most={most}
        removed={removed}
        take={(count) => report && takeBlocks(report, count)}
        origin={
          sameIntervals(chosen, chooseByBudget(ranked, removed))
            ? 'ranked'
            : taken.by === 'least' && sameIntervals(chosen, taken.intervals)
              ? 'least'
              : 'own'
        }
      />
      <div className="mt-2">
        <Select
          label="Rank by"
          value={score}
          options={SCORES}
          onChange={(next) => setRanking(report, { score: next })}
        />
      </div>
      <div className="mb-2 flex items-center justify-between gap-1">
        <Button
          look="ghost"
          small
          className="-ml-2"
          title={`As many blocks out, by the intervals whose ${LEAST} is least in total, detected or not`}
          disabled={!report || removed === 0}
          onClick={() => {
            if (report) takeLeast(report);
          }}
        >
          Minimise {LEAST}
        </Button>
        <span className="text-2xs text-muted" title={`${LEAST}, summed over the chosen intervals`}>
          {report && removed > 0
            ? `total ${scoreWords(totalScore(report, chosen, DEFAULT_DAMAGE_SCORE, settings))}`
            : ''}
        </span>
      </div>
      <section
        aria-label="Intervals by predicted damage"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
        tabIndex={0}
        className="-mx-4 overflow-y-auto border-y border-line px-4"
        style={{ height: LIST_HEIGHT }}
      >
        {rows.length === 0 ? (
          <p className="grid h-full place-content-center text-center text-xs text-muted">
            {report
              ? 'No interval is detected under these settings. Draw one on the strip.'
              : 'Analyse finds intervals; or drag over blocks to draw one.'}
          </p>
        ) : (
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
                  aria-sort={bySimilarity && !bySureness ? 'descending' : undefined}
                >
                  {SURROGATE_CKA}
                  {bySimilarity && !bySureness ? ' ↓' : ''}
                </th>
                <th
                  scope="col"
                  className="w-16 pb-1 pl-1.5 text-right font-normal"
                  title={shown.about}
                  aria-sort={bySimilarity || bySureness ? undefined : 'ascending'}
                >
                  {shown.label}
                  {bySimilarity || bySureness ? '' : ' ↑'}
                </th>
                <th
                  scope="col"
                  className="w-12 pb-1 pl-1.5 text-right font-normal"
                  aria-sort={bySureness ? 'descending' : undefined}
                >
                  <button
                    type="button"
                    className="text-right hover:text-ink"
                    aria-pressed={bySureness}
                    title="Share of the resamples of the held-out prompts in which the rule finds the interval; click to sort by it, or by damage again"
                    onClick={() => setBySureness(!bySureness)}
                  >
                    found in{bySureness ? ' ↓' : ''}
                  </button>
                </th>
                <th scope="col" className="w-9 pb-1 text-right font-normal">
                  out
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <Row
                  key={`${row.interval.first}-${row.interval.last}`}
                  interval={row.interval}
                  cka={here ? similarityOf(here.report, here.settings, row.interval) : null}
                  damage={damageWords(
                    here ? shown.of(here.report, row.interval, here.settings) : null,
                    shown,
                    isMeasuring(measuring, row.interval, shown),
                  )}
                  found={foundIn(row.interval)}
                  whyNotFound={whyNotFound}
                  chosen={chosen.find((edit) => sameInterval(edit, row.interval)) ?? null}
                  origin={originOf(row.interval, detected)}
                />
              ))}
            </tbody>
          </table>
        )}
      </section>
      <Measuring />
    </Panel>
  );
}

/** How far probes are that are fitted again before anything can be measured, or the file that it takes; always of one height. */
function Measuring() {
  const refit = useStore(refitStore, ({ progress }) => progress);
  const report = useStore(analysisStore, (state) => state.report);
  const measuredOn = useStore(analysisStore, (state) => state.measuredOn);
  const missing = wantedFile(report, measuredOn);
  const words = refit
    ? refitWords(refit)
    : missing
      ? `To measure further intervals, choose ${missing.name} again under Calibration.`
      : '';
  return (
    <div className="mt-1.5 min-h-5 text-2xs text-muted">
      <p className="truncate" title={words}>
        {words}
      </p>
      {refit ? (
        <Progress slim name="Probes" share={refit.total > 0 ? refit.done / refit.total : 0} text={words} />
      ) : null}
    </div>
  );
}

/** The error that the column shows is on its way. */
function isMeasuring(measuring: readonly Edit[], interval: BlockInterval, { needs: by }: Score): boolean {
  return by !== null && measuring.some((edit) => sameEdit(edit, runEdit(interval, by)));
}

interface RowProps {
  interval: BlockInterval;
  cka: number | null;
  damage: string;
  /** Null where nothing was resampled. */
  found: number | null;
  whyNotFound: string | null;
  /** Null unless it is chosen. */
  chosen: RunEdit | null;
  /** Where it comes from, unless it was detected as it is. */
  origin: string | null;
}

function Row({ interval, cka, damage, found, whyNotFound, chosen, origin }: RowProps) {
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
      <td className="text-right">{similarityText(cka)}</td>
      <td className="text-right">{damage}</td>
      <td
        className="text-right"
        title={found === null ? (whyNotFound ?? undefined) : `In ${shareText(found)} of the resamples`}
      >
        {found === null ? 'n/a' : foundWords(found)}
      </td>
      <td>
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

/** Whole percents for a narrow column; not all of them is never 100 %, and some of them never 0 %. */
function foundWords(share: number): string {
  if (share > 0 && share < 0.01) return '<1 %';
  return share > 0.99 && share < 1 ? '99 %' : `${Math.round(share * 100)} %`;
}

/** Errors as percent of the output; sums and differences, which have no such meaning, as plain numbers. */
function damageWords(value: number | null, score: Score, measuring: boolean): string {
  if (value === null) return measuring ? '…' : 'n/a';
  return score.isShare ? percentWords(value) : value.toFixed(4);
}
