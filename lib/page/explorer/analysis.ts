/**
 * Running an analysis and estimating one. A new run leaves the last report in place until it has finished, so stopping loses nothing.
 */
import type { AnalysisRequest, AnyEstimate } from '@/lib/compute/protocol.ts';
import { asContiguaError } from '@/lib/core/errors.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { settle, showError, showPassing } from '../browser/notices.ts';
import { assertStorageFits, limitsRequest, limitsStore, memoryBytesOf } from './analysis-limits.ts';
import { analysisStore, type EstimatedAnalysis, NO_ANALYSIS } from './analysis-store.ts';
import { type CalibrationChoice, calibrationStore, requestOf } from './calibration.ts';
import { ask } from './compute.ts';
import { forgetInterrupted, noteInterrupted } from './interrupted.ts';
import { keep } from './keeping.ts';
import { modelStore } from './model.ts';
import { estimatedShares, firstRunShares, type Shares } from './progress.ts';
import { followRanking } from './ranking.ts';
import { begunAt, type TimedProgress, withProgress } from './running-analysis.ts';
import { traceChoice } from './traces.ts';

let stopRunning: AbortController | null = null;

/** For another model: its predecessor's numbers must not stay on the page. */
export function clearAnalysis(): void {
  stopRunning?.abort();
  settle('analysis', 'damage', 'kept', 'timing');
  analysisStore.setState(NO_ANALYSIS);
}

/** A trace is analysed on the inputs that it brings, whatever `asked` says. */
export async function analyse(asked: CalibrationChoice): Promise<void> {
  const { summary } = modelStore.getState();
  const ofTrace = traceChoice(summary);
  const choice = ofTrace ?? asked;
  const calibration = ofTrace ? null : requestOf(asked);
  if ((!calibration && !ofTrace) || !summary || stopRunning) return;
  const own = begin();
  settle('calibration', 'analysis', 'damage', 'kept');
  analysisStore.setState({ running: begunAt(performance.now()), measuring: [] });
  const display = progressDisplay((captured) => keepsStates(summary) && noteInterrupted(summary, choice, captured));
  const limits = limitsStore.getState();
  const kept = keptStates(summary);
  try {
    const options = { signal: own.signal, onProgress: display.note };
    const analysed = async () => {
      const request: Asked = { calibration, ...kept, ...limitsRequest(limits) };
      if (!keepsStates(summary) && limits.memory === null) return await askAnalysis(request, null, options);
      const estimate = presentEstimate() ?? (await measured(request, { summary, choice: asked, limits }, own.signal));
      // Time counts from here: an interrupted analysis has a part of it behind it, and is there sooner.
      analysisStore.setState({ running: { ...begunAt(performance.now()), estimate } });
      return await askAnalysis(request, estimate, options);
    };
    const report = await analysed();
    display.end();
    if (keepsStates(summary)) forgetInterrupted();
    analysisStore.setState({
      report,
      measuredOn: choice,
      isRestored: false,
      measuredAtMs: Date.now(),
      running: null,
      stopping: false,
      estimated: null,
    });
    followRanking(report);
    await keep(choice, report);
  } catch (thrown) {
    if (own.signal.aborted)
      showPassing('analysis', 'info', 'Analysis stopped', {
        hint: keepsStates(summary)
          ? 'What is finished is kept in this browser. Analyse continues from it, also after a reload.'
          : 'What was on the page before is still there.',
      });
    else {
      // Its states were removed.
      if (asContiguaError(thrown).code === 'source-changed') forgetInterrupted();
      showError('analysis', thrown);
    }
  } finally {
    end();
    display.end();
  }
}

/** Measures what the analysis would take, without starting it. */
export async function estimateAnalysis(choice: CalibrationChoice): Promise<void> {
  const { summary } = modelStore.getState();
  const calibration = summary?.trace ? null : requestOf(choice);
  if (!summary || (!summary.trace && !calibration) || stopRunning) return;
  const own = begin();
  settle('analysis');
  analysisStore.setState({ running: { ...begunAt(performance.now()), isEstimate: true } });
  const limits = limitsStore.getState();
  try {
    const request: Asked = { calibration, ...keptStates(summary), ...limitsRequest(limits) };
    await measured(request, { summary, choice, limits }, own.signal);
  } catch (thrown) {
    if (own.signal.aborted) showPassing('analysis', 'info', 'Estimate stopped');
    else showError('analysis', thrown);
  } finally {
    end();
  }
}

function begin(): AbortController {
  stopRunning = new AbortController();
  analysisStore.setState({ stopping: false });
  return stopRunning;
}

function end(): void {
  stopRunning = null;
  analysisStore.setState({ running: null, stopping: false });
}

/** The last estimate, where the model and all settings are still those that it was made for. */
export function presentEstimate(): AnyEstimate | null {
  const { estimated } = analysisStore.getState();
  const isPresent =
    estimated?.summary === modelStore.getState().summary &&
    estimated?.choice === calibrationStore.getState() &&
    estimated?.limits === limitsStore.getState();
  return isPresent && estimated ? estimated.estimate : null;
}

/** Larger models are measured first, and their states are kept in the browser's storage. */
const LARGE_MODEL_BYTES = 128 * 2 ** 20;
export const keepsStates = ({ sizeBytes }: Pick<ModelSummary, 'sizeBytes'>): boolean => sizeBytes > LARGE_MODEL_BYTES;

function keptStates(summary: ModelSummary): Pick<AnalysisRequest, 'states'> {
  return keepsStates(summary) ? { states: { url: 'opfs:', sizeBytes: Number.MAX_SAFE_INTEGER } } : {};
}

/** Without a calibration, of the trace that is open. */
type Asked = Omit<AnalysisRequest, 'calibration'> & { readonly calibration: AnalysisRequest['calibration'] | null };

async function askAnalysis(
  { calibration, ...asked }: Asked,
  estimate: AnyEstimate | null,
  options: Parameters<typeof ask<'analyse'>>[2],
): Promise<AnalysisReport> {
  if (calibration) {
    const limits = estimate && 'damage' in estimate ? estimate.limits : undefined;
    return await ask('analyse', { ...asked, calibration, limits }, options);
  }
  const { states, tokens } = asked;
  return await ask('analyseTrace', { states, tokens, limits: estimate?.limits }, options);
}

/** Rejects with `too-large` where the tab's memory or the browser's storage is too little. */
async function measured(
  { calibration, ...asked }: Asked,
  of: Omit<EstimatedAnalysis, 'estimate'>,
  signal: AbortSignal,
): Promise<AnyEstimate> {
  analysisStore.setState(({ running }) => ({ running: running && { ...running, isMeasuring: true } }));
  const memoryBytes = memoryBytesOf(of.limits);
  const { states, tokens } = asked;
  const estimate = calibration
    ? await ask('estimateAnalysis', { ...asked, calibration, memoryBytes }, { signal })
    : await ask('estimateTrace', { states, tokens, memoryBytes }, { signal });
  if (states) {
    const room = await ask('roomForStates', { bytes: estimate.storedBytes }, { signal });
    assertStorageFits(estimate, room, of.summary);
  }
  analysisStore.setState({ estimated: { estimate, ...of } });
  return estimate;
}

export function stopAnalysis(): void {
  if (!stopRunning) return;
  analysisStore.setState({ stopping: true });
  stopRunning.abort();
}

/** Reports come faster than anyone reads; every redraw of the page takes from what it waits for. */
const SHOW_EVERY_MS = 100;

/** Collects progress reports and shows them together; `onCaptured` is told how many blocks are captured. */
function progressDisplay(onCaptured: (blocks: number) => void): {
  note(progress: Omit<TimedProgress, 'atMs'>): void;
  end(): void;
} {
  let waiting: TimedProgress[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const show = () => {
    timer = undefined;
    analysisStore.setState(({ running }) => ({ running: running && waiting.reduce(withProgress, running) }));
    waiting = [];
    const { running } = analysisStore.getState();
    if (running) onCaptured(running.captured);
  };
  return {
    note(progress) {
      waiting.push({ ...progress, atMs: performance.now() });
      timer ??= setTimeout(show, SHOW_EVERY_MS);
    },
    end: () => clearTimeout(timer),
  };
}

/** Where the time of this run will go: as estimated, as in the last one, or as expected for a first run. */
export function expectedShares(
  report: AnalysisReport | null,
  numBlocks: number,
  estimate: AnyEstimate | null = null,
): Shares {
  if (estimate) return estimatedShares(estimate);
  return report && Object.values(report.stagesMs).some((ms) => ms > 0) ? report.stagesMs : firstRunShares(numBlocks);
}
