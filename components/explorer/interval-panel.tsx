'use client';
/** Detected and chosen intervals, least predicted damage first, and the slider that takes them in that order. */
import { lazy, useMemo, useState } from 'react';
import { useStore } from 'zustand';
import { Button, IconButton } from '@/components/ui/button';
import { Help } from '@/components/ui/help';
import { DownloadIcon } from '@/components/ui/icons';
import { Panel } from '@/components/ui/panel';
import { Progress } from '@/components/ui/progress';
import {
  chooseByBudget,
  DAMAGE_SCORES,
  DEFAULT_DAMAGE_SCORE,
  rankByDamage,
  scoreNamed,
  standInWords,
  totalScore,
  type UsableScore,
} from '@/lib/core/detection/index.ts';
import { containsInterval, removedCount, sameIntervals } from '@/lib/core/interval/index.ts';
import { saveCsv } from '@/lib/page/browser/export-chart.ts';
import { percentWords, scoreWords } from '@/lib/page/browser/number-words.ts';
import { intervalCsv } from '@/lib/page/explorer/interval-table.ts';
import { wantedFile } from '@/lib/page/explorer/probe-source.ts';
import {
  leastScoreOf,
  rankingScore,
  setRanking,
  takeBlocks,
  takeLeast,
  takenStore,
} from '@/lib/page/explorer/ranking.ts';
import { refitStore, refitWords } from '@/lib/page/explorer/refitting.ts';
import { choose, chosenRuns } from '@/lib/page/explorer/selection.ts';
import { lacksWeights } from '@/lib/page/explorer/traces.ts';
import { BudgetSlider } from './budget-slider';
import { FRAMES_BEFORE, useFramesAfter } from './frames-after';
import { IntervalTable } from './interval-table';
import { SettingSelect } from './setting-controls';
import { useAnalysis } from './use-analysis';
import { useDetected, useFoundIn } from './use-linked';
import { useModel, useSelection } from './use-model';
import { useNoiseReading } from './use-noise';
import { useReading } from './use-reading';
import { useReportMark } from './use-report-mark';
import { useSetting } from './use-settings';
import { useSliced } from './use-sliced';

/** The one that predicts best first. */
const SCORES = DAMAGE_SCORES.toSorted(
  (a, b) => Number(b.name === DEFAULT_DAMAGE_SCORE) - Number(a.name === DEFAULT_DAMAGE_SCORE),
).map((score) => ({ value: score.name, label: score.label }));
/** Six rows and the head at least; more where the window is tall. */
const LIST_HEIGHT = 'clamp(184px, 100dvh - 768px, 304px)';

const IntervalHelp = lazy(async () => ({ default: (await import('./help-texts')).IntervalHelp }));

const isFollowed = ({ followed }: { readonly followed: boolean }): boolean => followed;

export function IntervalPanel() {
  const report = useAnalysis((state) => state.report);
  const settings = useSetting('detection');
  const score = useSetting('score');
  const chosen = useSelection(chosenRuns);
  const detected = useDetected();
  const here = useNoiseReading();
  const caveat = useReading();
  const mark = useReportMark();
  const taken = useSliced(takenStore, (state) => state, isFollowed);
  const foundIn = useFoundIn();
  const noWeights = lacksWeights(useModel(({ summary }) => summary));
  const [bySureness, setBySureness] = useState(false);

  const usable = report ? rankingScore(report, score, settings) : null;
  const ranking = usable?.score ?? score;
  const least = report ? leastScoreOf(report, settings) : null;
  const leastBy = scoreNamed(least?.score ?? DEFAULT_DAMAGE_SCORE);
  // In one line beside the total.
  const leastLabel = leastBy.heading ?? leastBy.label;
  const ranked = useMemo(
    () => (report ? rankByDamage(report, detected, ranking, settings) : []),
    [report, detected, ranking, settings],
  );
  const rows = useMemo(() => {
    const own = chosen.filter((interval) => !containsInterval(detected, interval));
    const all = [...detected, ...own];
    if (!report) return all.map((interval) => ({ interval, score: null as number | null }));
    const byDamage = rankByDamage(report, all, ranking, settings);
    const share = ({ interval }: (typeof byDamage)[number]) => foundIn(interval) ?? -1;
    return bySureness ? byDamage.toSorted((a, b) => share(b) - share(a)) : byDamage;
  }, [report, detected, chosen, ranking, settings, bySureness, foundIn]);

  const isListed = useFramesAfter(rows.length > 0, FRAMES_BEFORE.intervals);
  const most = removedCount(detected);
  const removed = removedCount(chosen);
  return (
    <Panel
      title="Intervals"
      help={
        <Help about="an interval">
          <IntervalHelp score={score} least={leastBy} />
        </Help>
      }
      reading={
        [
          mark.trim(),
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
            onClick={() => choose({ type: 'choose-runs', edits: [] })}
          >
            Clear
          </Button>
        </>
      }
    >
      <BudgetSlider
        least={leastLabel}
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
        <SettingSelect
          label="Rank by"
          of={(wanted) => wanted.score}
          options={SCORES}
          onChange={(next) => setRanking(report, { score: next })}
        />
        {/* One line whether there is something to say or not: the measurement ends while the table is being read. */}
        <p
          className="mt-1 h-4 truncate text-2xs text-muted"
          title={usable ? standInTitle(usable, noWeights) : undefined}
        >
          {usable?.standsInFor
            ? `Measured on ${usable.standsInFor.of - usable.standsInFor.missing} of ${usable.standsInFor.of}; ${scoreNamed(ranking).label} ranks.`
            : ''}
        </p>
      </div>
      <div className="mb-2 flex items-center justify-between gap-1">
        <Button
          look="ghost"
          small
          className="-ml-2"
          title={`As many blocks out, by the intervals whose ${leastBy.label} is least in total, detected or not. ${(least && standInWords(least)) ?? ''}`.trim()}
          disabled={!report || removed === 0}
          onClick={() => {
            if (report) takeLeast(report);
          }}
        >
          Minimise {leastLabel}
        </Button>
        <span
          className="text-2xs whitespace-nowrap text-muted"
          title={`${leastBy.label}, added up over the chosen intervals`}
        >
          {report && least && removed > 0
            ? `total ${totalWords(totalScore(report, chosen, least.score, settings), leastBy.isShare)}`
            : ''}
        </span>
      </div>
      <section
        aria-label="Intervals by predicted damage"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
        tabIndex={0}
        className="-mx-4 overflow-y-auto border-y border-line px-4 [scrollbar-width:thin]"
        style={{ height: LIST_HEIGHT }}
      >
        {isListed ? (
          <IntervalTable
            intervals={rows.map(({ interval }) => interval)}
            detected={detected}
            bySureness={bySureness}
            ranking={ranking}
            onSort={setBySureness}
          />
        ) : (
          <p className="grid h-full place-content-center text-center text-xs text-muted">
            {report && rows.length === 0
              ? 'No interval is detected under these settings. Draw one on the strip.'
              : 'Analyse finds intervals; or drag over blocks to draw one.'}
          </p>
        )}
      </section>
      <Measuring />
    </Panel>
  );
}

const totalWords = (total: number | null, isShare: boolean) => (isShare ? percentWords(total) : scoreWords(total));

/** Why another score ranks, and what measures the wanted one. */
function standInTitle(usable: UsableScore, noWeights: string | null): string | undefined {
  const words = standInWords(usable);
  if (!words || !usable.standsInFor) return undefined;
  const { needs } = scoreNamed(usable.standsInFor.score);
  if (noWeights) return `${words} ${noWeights}`;
  // Of probes there is no such button: the page measures them as they are needed.
  if (needs === 'linear') return `${words} “Measure each of them with a linear map”, under Scores, measures it.`;
  if (needs === 'nothing') return `${words} “Measure every interval”, under Scores, measures it.`;
  return words;
}

/** How far probes are that are fitted again before anything can be measured, or the file that it takes; always of one height. */
function Measuring() {
  const refit = useStore(refitStore, ({ progress }) => progress);
  const report = useAnalysis((state) => state.report);
  const measuredOn = useAnalysis((state) => state.measuredOn);
  const missing = wantedFile(report, measuredOn);
  const noWeights = lacksWeights(useModel(({ summary }) => summary));
  const words = refit
    ? refitWords(refit)
    : missing
      ? `To measure further intervals, choose ${missing.name} again under Calibration.`
      : (noWeights ?? '');
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
