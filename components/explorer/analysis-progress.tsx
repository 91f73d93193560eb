'use client';
/** The stages of an analysis: how far each is, at what pace, how long is left; afterwards, how long each took. */
import { lazy, Suspense, useEffect, useState } from 'react';
import { useStore } from 'zustand';
import { Progress } from '@/components/ui/progress';
import { engineWords } from '@/lib/page/browser/engine-words.ts';
import { durationWords, momentWords, remainingWords } from '@/lib/page/browser/number-words.ts';
import { tokensWords } from '@/lib/page/browser/stream-words.ts';
import { expectedShares } from '@/lib/page/explorer/analysis.ts';
import { limitsStore } from '@/lib/page/explorer/analysis-limits.ts';
import { calibrationStore, calibrationWords } from '@/lib/page/explorer/calibration.ts';
import { engineStore, silenceWords } from '@/lib/page/explorer/engine.ts';
import { type Interrupted, interruptedStore, presentInterrupted } from '@/lib/page/explorer/interrupted.ts';
import { pacePerSecond, remainingMs, shareDone } from '@/lib/page/explorer/progress.ts';
import { EstimateFacts, usePresentEstimate } from './estimate-facts';
import { SplitDetails } from './split-details';
import { useAnalysis } from './use-analysis';
import { useModel, useSelection } from './use-model';
import { useCalibrationChanges } from './use-report-mark';

const RunningDamage = lazy(async () => ({ default: (await import('./running-damage')).RunningDamage }));

const STAGES: readonly (readonly [stage: string, words: string])[] = [
  ['capture', 'Capture states'],
  ['probes', 'Fit linear probes'],
  ['cka', 'Compare states (CKA)'],
  ['trajectories', 'Follow surrogates'],
  ['damage', 'Measure damage'],
];
const TICK_MS = 500;

export function AnalysisProgress() {
  const running = useAnalysis((state) => state.running);
  const report = useAnalysis((state) => state.report);
  const restoredFrom = useAnalysis((state) => (state.isRestored ? state.measuredAtMs : null));
  const silentMs = useStore(engineStore, (state) => state.silentMs);
  const changes = useCalibrationChanges();
  const present = usePresentEstimate();
  const interrupted = useInterrupted();
  const estimate = running ? running.estimate : present;
  const nowMs = useNow(running !== null);
  // Damage is measured with weights.
  const isTrace = useModel(({ summary }) => summary?.trace !== undefined);
  const stages = isTrace ? STAGES.filter(([stage]) => stage !== 'damage') : STAGES;
  const numBlocks = useSelection((state) => state.numBlocks);
  const share = running ? shareDone(running.stages, expectedShares(report, numBlocks, running.estimate)) : 0;
  const elapsedMs = running ? Math.max(0, nowMs - running.startedAtMs) : 0;
  const left = running ? remainingMs(elapsedMs, share) : null;
  const totalMs = report ? Object.values(report.stagesMs).reduce((sum, ms) => sum + ms, 0) : 0;
  const outlook =
    silentMs !== null ? silenceWords(silentMs) : left === null ? 'estimating' : `about ${remainingWords(left)} left`;
  const headline = () => {
    if (running?.isMeasuring)
      return silentMs === null
        ? `Measuring ${isTrace ? 'on noise' : 'one block'} for the estimate`
        : silenceWords(silentMs);
    if (running) return `${Math.round(share * 100)} % · ${outlook}`;
    if (interrupted) return `Interrupted, ${interrupted.captured} of ${numBlocks} blocks ${isTrace ? 'read' : 'kept'}`;
    if (report) return `Took ${durationWords(totalMs)}${report.engine ? ` on ${engineWords(report.engine.name)}` : ''}`;
    return estimate ? 'Not run yet, estimated' : 'Not run yet';
  };
  return (
    <div className="pt-1 text-xs">
      <p
        className="mb-1.5 h-4 text-muted"
        aria-live="off"
        title={
          interrupted && !running
            ? `Their ${isTrace ? 'probes' : 'states'} are in this browser: Analyse continues behind them.`
            : undefined
        }
      >
        {headline()}
      </p>
      {/* An empty bar under a finished analysis would say that nothing is done; its place is kept. */}
      <div className={running || interrupted ? '' : 'invisible'}>
        <Progress
          name="Analysis"
          share={running || !interrupted ? share : interrupted.captured / numBlocks}
          text={headline()}
        />
      </div>
      {estimate && !running ? <EstimateFacts estimate={estimate} /> : null}
      <ol className="mt-2">
        {stages.map(([stage, words]) => {
          const progress = running?.stages.find((entry) => entry.stage === stage);
          const tookMs = running ? undefined : report?.stagesMs[stage];
          const pace = progress && pacePerSecond(progress, nowMs);
          const finished = progress !== undefined && progress.done >= progress.total;
          return (
            <li key={stage} className="flex h-6 flex-col justify-center">
              <div className="flex justify-between gap-2">
                <span className={`truncate ${progress && !finished ? 'text-ink' : 'text-muted'}`}>{words}</span>
                <span className="whitespace-nowrap text-muted">
                  {progress
                    ? `${progress.done}/${progress.total}${finished || !pace ? '' : ` · ${Number(pace.toPrecision(2))}/s`}`
                    : tookMs === undefined
                      ? ''
                      : durationWords(tookMs)}
                </span>
              </div>
              <div className="h-0.5">
                {progress ? (
                  <Progress
                    slim
                    name={words}
                    share={progress.total > 0 ? progress.done / progress.total : 0}
                    text={`${progress.done} of ${progress.total}`}
                  />
                ) : null}
              </div>
            </li>
          );
        })}
      </ol>
      {running && running.damage.length > 0 ? (
        <Suspense fallback={null}>
          <RunningDamage damage={running.damage} />
        </Suspense>
      ) : null}
      {estimate && running ? <EstimateFacts estimate={estimate} /> : null}
      {/* What the numbers on the page come from; its place is kept while there are none. */}
      <div className="mt-2 min-h-16 text-2xs text-muted">
        {report ? (
          <>
            {changes.length > 0 ? (
              <strong className="block font-medium text-ink">
                Outdated: {changes.join(', ')}. Analyse measures again.
              </strong>
            ) : null}
            {changes.length > 0 ? 'Measured on ' : ''}
            {report.calibration.kind === 'synthetic' ? (
              <strong className="font-medium text-accent">{report.calibration.label}</strong>
            ) : (
              calibrationWords(report.calibration)
            )}
            , n = {tokensWords(report.calibration.tokens, report.model.streams)}
            {report.calibration.validTokens
              ? ` of ${tokensWords(report.calibration.validTokens, report.model.streams)}`
              : ''}
            .
            {restoredFrom === null ? null : ` Restored, measured ${momentWords(restoredFrom)}; Analyse measures again.`}
            <SplitDetails split={report.split} />
          </>
        ) : null}
      </div>
    </div>
  );
}

function useInterrupted(): Interrupted | null {
  useStore(interruptedStore);
  useStore(calibrationStore);
  useStore(limitsStore);
  useStore(engineStore, (state) => state.report);
  useModel((state) => state.summary);
  return presentInterrupted();
}

/** A clock that ticks only while something runs. */
function useNow(ticking: boolean): number {
  const [nowMs, setNowMs] = useState(0);
  useEffect(() => {
    if (!ticking) return;
    const tick = () => setNowMs(performance.now());
    tick();
    const timer = setInterval(tick, TICK_MS);
    return () => clearInterval(timer);
  }, [ticking]);
  return nowMs;
}
