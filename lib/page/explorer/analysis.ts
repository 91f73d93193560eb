/**
 * The analysis: running, finished or restored. One owner for its progress, its partial results, the report and the
 * damage measured since. A new run leaves the last report in place until it has finished, so stopping loses nothing.
 */
import { createStore } from 'zustand/vanilla';
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import type { AnalysisReport, IntervalDamage } from '@/lib/core/report/report.ts';
import { engineWords } from '../browser/engine-words.ts';
import { settle, showError, showPassing, showWarning } from '../browser/notices.ts';
import { momentWords } from '../browser/number-words.ts';
import {
  type CalibrationChoice,
  calibrationFrom,
  calibrationStore,
  calibrationText,
  calibrationWords,
  fileDigits,
  requestOf,
} from './calibration.ts';
import { ask, measureQuietly } from './compute.ts';
import { type KeptReport, keepReport, keptReports } from './kept-analyses.ts';
import { modelStore } from './model.ts';
import { firstRunShares, type Shares } from './progress.ts';
import { followRanking } from './ranking.ts';
import { begunAt, type RunningAnalysis, type TimedProgress, withProgress } from './running-analysis.ts';

export interface AnalysisState {
  readonly running: RunningAnalysis | null;
  readonly stopping: boolean;
  readonly report: AnalysisReport | null;
  /** What the report was measured on; null while there is none. */
  readonly measuredOn: CalibrationChoice | null;
  /** When the report was measured, if it was restored from this browser; null when it was measured in this visit. */
  readonly restoredFrom: number | null;
  /** The worker still has the probes of the report: previews with probes and new damage can be computed. */
  readonly probesLive: boolean;
  /** Counts analyses, so that what was computed with the probes of one is told from the next one's. */
  readonly number: number;
  /** Intervals whose damage is being measured. */
  readonly measuring: readonly BlockInterval[];
}

const NOTHING: AnalysisState = {
  running: null,
  stopping: false,
  report: null,
  measuredOn: null,
  restoredFrom: null,
  probesLive: false,
  number: 0,
  measuring: [],
};

export const analysisStore = createStore<AnalysisState>(() => NOTHING);
let stopRunning: AbortController | null = null;

/** For another model: its predecessor's numbers must not stay on the page. */
export function clearAnalysis(): void {
  stopRunning?.abort();
  settle('analysis', 'damage', 'kept', 'timing');
  analysisStore.setState(({ number }) => ({ ...NOTHING, number }));
}

export async function analyse(choice: CalibrationChoice): Promise<void> {
  const calibration = requestOf(choice);
  if (!calibration || stopRunning) return;
  const own = new AbortController();
  stopRunning = own;
  settle('calibration', 'analysis', 'damage', 'kept');
  analysisStore.setState({
    running: begunAt(performance.now()),
    stopping: false,
    measuring: [],
  });
  const display = progressDisplay();
  try {
    const report = await ask('analyse', { calibration }, { signal: own.signal, onProgress: display.note });
    display.end();
    analysisStore.setState(({ number }) => ({
      report,
      measuredOn: choice,
      restoredFrom: null,
      probesLive: true,
      number: number + 1,
      running: null,
      stopping: false,
    }));
    followRanking(report);
    await keep(choice, report);
  } catch (thrown) {
    if (own.signal.aborted)
      showPassing('analysis', 'info', 'Analysis stopped', { hint: 'What was on the page before is still there.' });
    else showError('analysis', thrown);
  } finally {
    stopRunning = null;
    display.end();
    analysisStore.setState({ running: null, stopping: false });
  }
}

export function stopAnalysis(): void {
  if (!stopRunning) return;
  analysisStore.setState({ stopping: true });
  stopRunning.abort();
}

/** Reports come faster than anyone reads; every redraw of the page takes from what it waits for. */
const SHOW_EVERY_MS = 100;

/** Collects progress reports and shows them together. */
function progressDisplay(): { note(progress: Omit<TimedProgress, 'atMs'>): void; end(): void } {
  let waiting: TimedProgress[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const show = () => {
    timer = undefined;
    analysisStore.setState(({ running }) => ({ running: running && waiting.reduce(withProgress, running) }));
    waiting = [];
  };
  return {
    note(progress) {
      waiting.push({ ...progress, atMs: performance.now() });
      timer ??= setTimeout(show, SHOW_EVERY_MS);
    },
    end: () => clearTimeout(timer),
  };
}

/** Keeps a report under what it was measured on; the address then names a file by its content, so that a reload finds it. */
async function keep(choice: CalibrationChoice, report: AnalysisReport): Promise<void> {
  if (choice.kind !== 'file' || !choice.file) return keepReport(calibrationText(choice), report);
  const named = { ...choice, fileDigits: await fileDigits(choice.file) };
  if (calibrationStore.getState().file === choice.file) calibrationStore.setState({ fileDigits: named.fileDigits });
  if (analysisStore.getState().measuredOn === choice) analysisStore.setState({ measuredOn: named });
  await keepReport(calibrationText(named), report);
}

export interface WantedAnalysis {
  /** A calibration's text; null for none in particular. */
  readonly inputs: string | null;
  /** Without one on these inputs, the newest will do. */
  readonly orNewest: boolean;
}

/**
 * Shows the analysis of this model that was kept in this browser for the inputs that are wanted. One on other inputs is
 * shown with its inputs in the panel and the address, or, where only these will do, offered.
 */
export async function restoreAnalysis(fingerprint: string, { inputs, orNewest }: WantedAnalysis): Promise<void> {
  const kept = await keptReports(fingerprint);
  const [newest] = kept;
  const wanted = kept.find((each) => each.inputs === inputs) ?? (orNewest ? newest : undefined);
  // Reading takes time: another model may be open by now, or an analysis begun.
  if (!newest || !canRestore(fingerprint)) return;
  if (wanted) return showKept(wanted);
  showWarning('kept', 'No analysis with these inputs is kept in this browser', {
    hint: `The last one of ${newest.report.model.name} was measured on ${keptWords(newest)}.`,
    action: {
      label: 'Show that one',
      run: () => {
        if (canRestore(fingerprint)) showKept(newest);
      },
    },
  });
}

function canRestore(fingerprint: string): boolean {
  const { report, running } = analysisStore.getState();
  return modelStore.getState().summary?.fingerprint === fingerprint && !report && !running;
}

/** The inputs in the panel and in the address become those of the report. */
function showKept(kept: KeptReport): void {
  const { report, savedAtMs } = kept;
  const choice = calibrationFrom(kept.inputs);
  if (choice && calibrationText(calibrationStore.getState()) !== kept.inputs) calibrationStore.setState(choice);
  analysisStore.setState({ report, measuredOn: choice, restoredFrom: savedAtMs, probesLive: false });
  showPassing('kept', 'done', `Restored analysis of ${report.model.name}`, {
    hint: `Measured on ${keptWords(kept)}. Analyse measures again, and brings the probes for the preview.`,
  });
}

function keptWords({ report: { calibration, engine }, savedAtMs }: KeptReport): string {
  const tokens = `n = ${calibration.tokens.image.toLocaleString('en-US')} image tokens`;
  return `${calibrationWords(calibration)}, ${tokens}, ${momentWords(savedAtMs)} on ${engineWords(engine.name)}`;
}

/** The worker lost its probes (another engine, a fresh worker); the report stays. */
export function probesGone(): void {
  analysisStore.setState({ probesLive: false });
}

export function damageOf(report: AnalysisReport | null, { first, last }: BlockInterval): IntervalDamage | null {
  return report?.damage.find((damage) => damage.first === first && damage.last === last) ?? null;
}

/** Measures the damage of intervals that have none yet, when the worker is free and still has the probes. */
export async function measureDamage(intervals: readonly BlockInterval[]): Promise<void> {
  const { report, probesLive, measuring } = analysisStore.getState();
  if (!report || !probesLive) return;
  const missing = intervals.filter((interval) => !damageOf(report, interval));
  if (missing.length === 0 || sameIntervals(missing, measuring)) return;
  analysisStore.setState({ measuring: missing });
  try {
    const damage = await measureQuietly('damage', { intervals: missing });
    if (damage) addDamage(report.model.fingerprint, damage);
  } catch (thrown) {
    showError('damage', thrown);
  } finally {
    if (analysisStore.getState().measuring === missing) analysisStore.setState({ measuring: [] });
  }
}

function addDamage(fingerprint: string, measured: readonly IntervalDamage[]): void {
  analysisStore.setState(({ report }) => {
    if (report?.model.fingerprint !== fingerprint) return {};
    const fresh = measured.filter((damage) => !damageOf(report, damage));
    return fresh.length === 0 ? {} : { report: { ...report, damage: [...report.damage, ...fresh] } };
  });
  const { report } = analysisStore.getState();
  if (report) followRanking(report);
}

function sameIntervals(a: readonly BlockInterval[], b: readonly BlockInterval[]): boolean {
  return a.length === b.length && a.every(({ first, last }, i) => b[i]?.first === first && b[i]?.last === last);
}

/** Where the time of the next run will go: as in the last one, or as expected for a first run. */
export function expectedShares(report: AnalysisReport | null, numBlocks: number): Shares {
  return report && Object.values(report.stagesMs).some((ms) => ms > 0) ? report.stagesMs : firstRunShares(numBlocks);
}
