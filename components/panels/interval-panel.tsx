'use client';
/** Detected and chosen intervals, least predicted damage first, and the slider that takes them in that order. */
import { useMemo } from 'react';
import { useStore } from 'zustand';
import { Button, IconButton } from '@/components/ui/button';
import { Help } from '@/components/ui/help';
import { DownloadIcon } from '@/components/ui/icons';
import { Panel } from '@/components/ui/panel';
import { Select } from '@/components/ui/select';
import { Switch } from '@/components/ui/switch';
import { analysisStore } from '@/lib/client/analysis.ts';
import { saveCsv } from '@/lib/client/export-chart.ts';
import { setHover } from '@/lib/client/hover.ts';
import { intervalCsv } from '@/lib/client/interval-table.ts';
import { percentWords, scoreWords } from '@/lib/client/number-words.ts';
import { setRanking, takeBlocks } from '@/lib/client/ranking.ts';
import { choose, gestureName, selectionStore } from '@/lib/client/selection.ts';
import { settingsStore } from '@/lib/client/settings.ts';
import {
  chooseByBudget,
  chooseLeastDamage,
  type DamageScore,
  DEFAULT_DAMAGE_SCORE,
  damageScore,
  rankByDamage,
  similarityOf,
} from '@/lib/core/detection/index.ts';
import { type BlockInterval, containsInterval, removedCount, sameIntervals } from '@/lib/core/interval/index.ts';
import { BudgetSlider } from './budget-slider';
import { useDetected } from './use-linked';

const SCORES: readonly { readonly value: DamageScore; readonly label: string }[] = [
  { value: 'cka', label: '1 − cka' },
  { value: 'removed', label: 'error, removed' },
  { value: 'probed', label: 'error, probes' },
  { value: 'probe', label: 'probe error' },
  { value: 'direction', label: 'direction error' },
];
/** Six rows and the head at least; more where the window is tall. */
const LIST_HEIGHT = 'clamp(170px, 100dvh - 720px, 290px)';

export function IntervalPanel() {
  const report = useStore(analysisStore, (state) => state.report);
  const measuring = useStore(analysisStore, (state) => state.measuring);
  const { detection: settings, score } = useStore(settingsStore);
  const chosen = useStore(selectionStore, (state) => state.selection.present);
  const detected = useDetected();

  const ranked = useMemo(
    () => (report ? rankByDamage(report, detected, score, settings) : []),
    [report, detected, score, settings],
  );
  const rows = useMemo(() => {
    const own = chosen.filter((interval) => !containsInterval(detected, interval));
    const all = [...detected, ...own];
    return report
      ? rankByDamage(report, all, score, settings)
      : all.map((interval) => ({ interval, score: null as number | null }));
  }, [report, detected, chosen, score, settings]);

  // Similarity has a column of its own.
  const shown = score === 'cka' ? 'removed' : score;
  const most = removedCount(detected);
  const removed = removedCount(chosen);
  return (
    <Panel
      title="Intervals"
      help={
        <Help about="an interval">
          <p>
            An interval [u, v] counts both ends. Its first block stays and stands for all of it; the other v − u blocks
            go.
          </p>
          <p>
            <em>cka</em>: how alike the true and the probe-replaced states are after its last block. <em>Damage</em>:
            the relative error of the model's output on held-out samples when the blocks are taken out, or the score
            that you rank by. Detection proposes nearly the whole depth, so the ranking decides; of five candidates 1 −
            cka predicted best what happens to the sample's pictures.
          </p>
          <p>
            <em>Least damage</em> takes as many blocks out, by those of all intervals, detected or not, whose 1 − cka is
            least in total. Near half the depth that kept far more of the sample's pictures than the detected ones.
          </p>
        </Help>
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
        asRanked={sameIntervals(chosen, chooseByBudget(ranked, removed))}
      />
      <div className="my-2 flex items-center justify-between gap-1">
        <Select
          label="Rank by"
          value={score}
          options={SCORES}
          onChange={(next) => setRanking(report, { score: next })}
        />
        <Button
          look="ghost"
          small
          className="-mr-2"
          title="As many blocks out, by the intervals of least total 1 − cka, whether detected or not"
          disabled={!report || removed === 0}
          onClick={() => {
            if (!report) return;
            const intervals = chooseLeastDamage(report, report.model, removed, DEFAULT_DAMAGE_SCORE, settings);
            choose({ type: 'choose', intervals, gesture: gestureName('least-damage') });
          }}
        >
          Least damage
        </Button>
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
              <tr className="h-6">
                <th scope="col" className="text-left font-normal">
                  Blocks
                </th>
                <th
                  scope="col"
                  className="text-right font-normal"
                  aria-sort={score === 'cka' ? 'descending' : undefined}
                >
                  cka{score === 'cka' ? ' ↓' : ''}
                </th>
                <th
                  scope="col"
                  className="text-right font-normal"
                  aria-sort={score === 'cka' ? undefined : 'ascending'}
                >
                  damage{score === 'cka' ? '' : ' ↑'}
                </th>
                <th scope="col" className="w-12 text-right font-normal">
                  out
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <Row
                  key={`${row.interval.first}-${row.interval.last}`}
                  interval={row.interval}
                  cka={report ? similarityOf(report, settings, row.interval) : null}
                  damage={damageWords(
                    report ? damageScore(report, row.interval, shown, settings) : null,
                    shown,
                    measuring.some(({ first, last }) => first === row.interval.first && last === row.interval.last),
                  )}
                  isChosen={containsInterval(chosen, row.interval)}
                  origin={originOf(row.interval, detected)}
                />
              ))}
            </tbody>
          </table>
        )}
      </section>
    </Panel>
  );
}

interface RowProps {
  interval: BlockInterval;
  cka: number | null;
  damage: string;
  isChosen: boolean;
  /** Where it comes from, unless it was detected as it is. */
  origin: string | null;
}

function Row({ interval, cka, damage, isChosen, origin }: RowProps) {
  const { first, last } = interval;
  return (
    <tr
      className="h-6 hover:bg-panel-2"
      onPointerEnter={() => setHover({ block: first, other: last })}
      onPointerLeave={() => setHover({ block: null })}
    >
      <td>
        <span className={isChosen ? 'font-medium text-accent' : ''}>
          {first}–{last}
        </span>
        {origin ? <span className="ml-1.5 text-2xs text-muted">{origin}</span> : null}
      </td>
      <td className="text-right">{scoreWords(cka)}</td>
      <td className="text-right">{damage}</td>
      <td>
        <div className="flex justify-end">
          <Switch
            name={`Take out interval ${first} to ${last}`}
            on={isChosen}
            onChange={() => choose({ type: 'toggle', interval })}
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
function damageWords(value: number | null, score: DamageScore, measuring: boolean): string {
  if (value === null) return measuring ? '…' : 'n/a';
  return score === 'removed' || score === 'probed' ? percentWords(value) : value.toFixed(4);
}
