'use client';
/** The scores held against measured ablation, for the model at hand, and what is measured of every block. */
import { type ReactNode, useMemo } from 'react';
import { useStore } from 'zustand';
import { Button } from '@/components/ui/button';
import { Help } from '@/components/ui/help';
import { Panel } from '@/components/ui/panel';
import { Progress } from '@/components/ui/progress';
import {
  DAMAGE_SCORES,
  type DetectionSettings,
  LEAST_PAIRS,
  LONGEST_ABLATION,
  qualitySentences,
  type RankCorrelation,
  REFERENCE_SCORE,
  referenceIntervals,
  type Score,
  scoreNamed,
} from '@/lib/core/detection/index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { correlationWords } from '@/lib/page/browser/confidence-words.ts';
import { ablationStore, stopAblation } from '@/lib/page/explorer/ablations.ts';
import { background } from '@/lib/page/explorer/background/index.ts';
import { partRead } from '@/lib/page/explorer/part-read.ts';
import { BlockTable } from './block-table';
import { MeasureButton } from './measure-button';
import { useAnalysis } from './use-analysis';
import { useBackground } from './use-background';
import { useReportMark } from './use-report-mark';
import { useSetting } from './use-settings';

const KINDS: Readonly<Record<Score['kind'], string>> = {
  measured: 'measured',
  predicted: 'predicted',
  proxy: 'cheap proxy',
};
/** What the others are held against. */
const REFERENCE = scoreNamed(REFERENCE_SCORE);
const COMPARED = DAMAGE_SCORES.filter(({ name }) => name !== REFERENCE_SCORE);

export function ScoresPanel() {
  const report = useAnalysis((state) => state.report);
  const mark = useReportMark();
  return (
    <Panel
      title="Scores"
      help={
        <Help about="a score">
          <p>
            <em>Measured ablation</em> is the reference: an interval or a block is taken out, and the output is compared
            with the whole model’s on held-out samples. Every other score predicts it. Here each is held against it for
            this model: Spearman’s rank correlation over the intervals that have been measured, with the 95 % interval
            of a bootstrap over them. 1 is the same order, 0 none.
          </p>
          <p>
            <em>Block Influence</em> and <em>input–output MSE</em> are cheap proxies: they compare two states and see
            nothing of what later blocks make of the difference.
          </p>
          <p>
            Attention and feed-forward are taken out apart by setting their output to zero in all streams of the block.
          </p>
        </Help>
      }
      reading={
        report ? (
          <>
            {mark}
            <Reading report={report} />
          </>
        ) : (
          'After Analyse: how well each score orders what was measured.'
        )
      }
    >
      {report ? (
        <>
          <div className="space-y-4">
            <Correlations report={report} />
            <Blocks report={report} />
          </div>
          <Measuring />
        </>
      ) : null}
    </Panel>
  );
}

function Reading({ report }: { report: AnalysisReport }): ReactNode {
  const measured = referenceIntervals(report);
  const lengths = measured.map(({ first, last }) => last - first + 1);
  if (measured.length === 0) return 'No interval has been taken out yet.';
  const [least, most] = [Math.min(...lengths), Math.max(...lengths)];
  return `Each score against “${REFERENCE.label}”, over ${measured.length} measured intervals of ${
    least === most ? least : `${least} to ${most}`
  } blocks.`;
}

function Correlations({ report }: { report: AnalysisReport }) {
  const settings = useSetting('detection');
  const ranking = useSetting('score');
  const quality = qualitySentences(ranking).map((sentence) => `${scoreNamed(ranking).label}: ${sentence}`);
  const found = useCorrelations(report, settings);
  const rows = useMemo(() => {
    const rhoOf = ({ name }: Score) => found?.get(name)?.rho ?? Number.NEGATIVE_INFINITY;
    return COMPARED.toSorted((a, b) => rhoOf(b) - rhoOf(a)).map((score) => ({
      score,
      correlation: found?.get(score.name) ?? null,
    }));
  }, [found]);
  return (
    <div>
      <table className="w-full text-xs">
        <caption className="sr-only">Rank correlation of each score with measured ablation</caption>
        <thead className="text-muted">
          <tr className="h-7 align-bottom">
            <th scope="col" className="pb-1 text-left font-normal">
              Score
            </th>
            <th scope="col" className="pb-1 pl-2 text-left font-normal">
              kind
            </th>
            <th
              scope="col"
              className="pb-1 text-right font-normal"
              title="Spearman, with the 95 % interval of a bootstrap"
            >
              rank correlation
            </th>
            <th scope="col" className="w-8 pb-1 text-right font-normal" title="Intervals with both values">
              n
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ score, correlation }) => (
            <tr key={score.name} className="h-6 leading-4 hover:bg-panel-2 [&>*]:py-0.5" title={score.about}>
              <th scope="row" className="text-left font-normal">
                {score.label}
              </th>
              <td className="pl-2 whitespace-nowrap text-muted">{KINDS[score.kind]}</td>
              <td className="text-right whitespace-nowrap">
                {correlation ? (
                  correlationWords(correlation)
                ) : found === null ? (
                  '…'
                ) : (
                  <span className="text-muted" title={`Fewer than ${LEAST_PAIRS} intervals have both values`}>
                    n/a
                  </span>
                )}
              </td>
              <td className="text-right text-muted">{correlation?.n ?? ''}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {quality.map((sentence) => (
        <p key={sentence} className="mt-1 text-2xs text-muted">
          {sentence}
        </p>
      ))}
      <div className="mt-2">
        <MeasureButton report={report} which="intervals">
          every interval of 2 to {LONGEST_ABLATION} blocks
        </MeasureButton>{' '}
        <MeasureButton report={report} which="linear">
          each of them with a linear map
        </MeasureButton>
      </div>
    </div>
  );
}

/** Of each score by its name; null until they are there. The bootstraps of all take a tenth of a second and more. */
function useCorrelations(
  report: AnalysisReport,
  settings: DetectionSettings,
): ReadonlyMap<string, RankCorrelation | null> | null {
  const { streams, damage } = report;
  // biome-ignore lint/correctness/useExhaustiveDependencies: what else is added to the report changes nothing here
  const question = useMemo(() => ({ report: partRead(report, settings), settings }), [streams, damage, settings]);
  const found = useBackground(question, askCorrelations)?.answer ?? null;
  return useMemo(() => found && new Map(found.map(({ name, correlation }) => [name, correlation])), [found]);
}

const askCorrelations = ({ report, settings }: { report: AnalysisReport; settings: DetectionSettings }) =>
  background.correlations(report, settings);

/** Folded until it is asked for: as many rows as the model has blocks, and most of them not measured yet. */
function Blocks({ report }: { report: AnalysisReport }) {
  return (
    <details className="min-w-0 text-xs">
      <summary className="mb-1 w-fit cursor-pointer rounded text-muted hover:text-ink">
        Block by block: whole, attention and FFN taken out
      </summary>
      <BlockTable report={report} />
    </details>
  );
}

/** Of one height, whether something is being measured or not. */
function Measuring() {
  const running = useStore(ablationStore, (state) => state.running);
  return (
    <div className="mt-2 flex h-7 items-center gap-3 text-2xs text-muted">
      {running ? (
        <>
          <span className="whitespace-nowrap">
            Taken out {running.done} of {running.total}
          </span>
          <div className="min-w-0 flex-1">
            <Progress
              name="Measured ablation"
              share={running.done / running.total}
              text={`${running.done} of ${running.total}`}
            />
          </div>
          <Button small onClick={stopAblation}>
            Stop measuring
          </Button>
        </>
      ) : null}
    </div>
  );
}
