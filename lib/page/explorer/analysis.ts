/**
 * The analysis: running, finished or restored. One owner for its progress, its partial results, the report and the
 * damage measured since. A new run leaves the last report in place until it has finished, so stopping loses nothing.
 */
import { createStore } from 'zustand/vanilla';
import type { AnalysisEstimate, AnalysisRequest } from '@/lib/compute/protocol.ts';
import { editKey, type RunEdit, type RunSet, sameEdit, sameEdits } from '@/lib/core/edit/index.ts';
import { asContiguaError } from '@/lib/core/errors.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import {
  type AnalysisReport,
  type EditDamage,
  outputErrorOf,
  type PartDamage,
  partDamageOf,
  type WidthDamage,
  widthDamageOf,
} from '@/lib/core/report/report.ts';
import { engineWords } from '../browser/engine-words.ts';
import { settle, showError, showPassing, showWarning } from '../browser/notices.ts';
import { momentWords } from '../browser/number-words.ts';
import { tokensWords } from '../browser/stream-words.ts';
import { assertStorageFits, type LimitsChoice, limitsRequest, limitsStore, memoryBytesOf } from './analysis-limits.ts';
import {
  type CalibrationChoice,
  calibrationFrom,
  calibrationStore,
  calibrationText,
  calibrationWords,
  requestOf,
} from './calibration.ts';
import { ask, measureQuietly } from './compute.ts';
import { forgetInterrupted, noteInterrupted } from './interrupted.ts';
import { type KeptReport, keepReport, keptReports } from './kept-analyses.ts';
import { modelStore } from './model.ts';
import { choiceOfReport, reportProbes, wantedFile } from './probe-source.ts';
import { estimatedShares, firstRunShares, type Shares } from './progress.ts';
import { followRanking } from './ranking.ts';
import { showingRefit } from './refitting.ts';
import { begunAt, type RunningAnalysis, type TimedProgress, withProgress } from './running-analysis.ts';
import { roomForStates } from './states-room.ts';
import { traceChoice } from './traces.ts';

export interface AnalysisState {
  readonly running: RunningAnalysis | null;
  /** What an analysis was last measured to take here, and for which settings. */
  readonly estimated: EstimatedAnalysis | null;
  readonly stopping: boolean;
  readonly report: AnalysisReport | null;
  /** What the report was measured on, with the calibration file where it is at hand; null while there is no report. */
  readonly measuredOn: CalibrationChoice | null;
  /** Whether the report was restored from this browser; otherwise it was measured in this visit. */
  readonly isRestored: boolean;
  /** When the analysis itself was measured, whatever was added to its report since; null while there is no report. */
  readonly measuredAtMs: number | null;
  /** Edits whose damage is being measured. */
  readonly measuring: RunSet;
}

export interface EstimatedAnalysis {
  readonly estimate: AnalysisEstimate;
  readonly summary: ModelSummary;
  readonly choice: CalibrationChoice;
  readonly limits: LimitsChoice;
}

const NOTHING: AnalysisState = {
  running: null,
  estimated: null,
  stopping: false,
  report: null,
  measuredOn: null,
  isRestored: false,
  measuredAtMs: null,
  measuring: [],
};

export const analysisStore = createStore<AnalysisState>(() => NOTHING);
let stopRunning: AbortController | null = null;

/** For another model: its predecessor's numbers must not stay on the page. */
export function clearAnalysis(): void {
  stopRunning?.abort();
  settle('analysis', 'damage', 'kept', 'timing');
  analysisStore.setState(NOTHING);
}

/** A trace is analysed on the inputs that it brings, whatever `asked` says. */
export async function analyse(asked: CalibrationChoice): Promise<void> {
  const { summary } = modelStore.getState();
  const ofTrace = traceChoice(summary);
  const choice = ofTrace ?? asked;
  const calibration = requestOf(choice);
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
      // A trace.
      if (!calibration) return await ask('analyseTrace', kept, options);
      const request = { calibration, ...kept, ...limitsRequest(limits) };
      if (!keepsStates(summary) && limits.memory === null) return await ask('analyse', request, options);
      const estimate = presentEstimate() ?? (await measured(request, { summary, choice, limits }, own.signal));
      // Time counts from here: an interrupted analysis has a part of it behind it, and is there sooner.
      analysisStore.setState({ running: { ...begunAt(performance.now()), estimate } });
      return await ask('analyse', { ...request, limits: estimate.limits }, options);
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
  const calibration = requestOf(choice);
  if (!summary || summary.trace || !calibration || stopRunning) return;
  const own = begin();
  settle('analysis');
  analysisStore.setState({ running: { ...begunAt(performance.now()), isEstimate: true } });
  const limits = limitsStore.getState();
  try {
    const request = { calibration, ...keptStates(summary), ...limitsRequest(limits) };
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
export function presentEstimate(): AnalysisEstimate | null {
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

/** Rejects with `too-large` where the tab's memory or the browser's storage is too little. */
async function measured(
  request: AnalysisRequest,
  of: Omit<EstimatedAnalysis, 'estimate'>,
  signal: AbortSignal,
): Promise<AnalysisEstimate> {
  analysisStore.setState(({ running }) => ({ running: running && { ...running, isMeasuring: true } }));
  const memoryBytes = memoryBytesOf(of.limits);
  const estimate = await ask('estimateAnalysis', { ...request, memoryBytes }, { signal });
  if (request.states) assertStorageFits(estimate, await roomForStates(), of.summary);
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

/** Keeps a report under what it was measured on; the address then names a file by its content, so that a reload finds it. */
async function keep(choice: CalibrationChoice, report: AnalysisReport): Promise<void> {
  const measuredAtMs = analysisStore.getState().measuredAtMs ?? Date.now();
  if (choice.kind !== 'file' || !choice.file) return keepReport(calibrationText(choice), report, measuredAtMs);
  const named = { ...choice, fileDigits: report.calibration.file?.digits ?? null };
  if (calibrationStore.getState().file === choice.file) calibrationStore.setState({ fileDigits: named.fileDigits });
  if (analysisStore.getState().measuredOn === choice) analysisStore.setState({ measuredOn: named });
  await keepReport(calibrationText(named), report, measuredAtMs);
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
  const choice = calibrationFrom(kept.inputs) ?? choiceOfReport(report);
  const present = calibrationStore.getState();
  if (calibrationText(present) !== calibrationText(choice)) calibrationStore.setState(choice);
  analysisStore.setState({ report, measuredOn: choice, isRestored: true, measuredAtMs: savedAtMs });
  showPassing('kept', 'done', `Restored analysis of ${report.model.name}`, {
    hint: `Measured on ${keptWords(kept)}. Analyse measures again.`,
  });
}

/**
 * A file that is picked while the report's own is missing: with the same content it takes its place, and what needs
 * probes can be measured again. Returns how to stop.
 */
export function watchCalibrationFile(): () => void {
  return calibrationStore.subscribe(({ file }, before) => {
    if (file && file !== before.file) void acceptFile(file);
  });
}

async function acceptFile(file: File): Promise<void> {
  const wanted = () => {
    const { report, measuredOn } = analysisStore.getState();
    return wantedFile(report, measuredOn);
  };
  if (!wanted()?.digits) return;
  try {
    const { fileDigits } = await import('./file-readers.ts');
    const digits = await fileDigits(file);
    const missing = wanted();
    // Reading takes time: another file may have been picked, or another analysis be on the page.
    if (calibrationStore.getState().file !== file || !missing?.digits) return;
    calibrationStore.setState({ fileDigits: digits });
    if (digits !== missing.digits) {
      showWarning('calibration', `${file.name} is not the file that this analysis was measured on`, {
        found: digits,
        expected: `${missing.digits} (${missing.name})`,
        hint: 'Analyse measures on the new file; to continue with this analysis, choose the file that it names.',
      });
      return;
    }
    settle('calibration');
    analysisStore.setState(({ measuredOn }) => ({ measuredOn: measuredOn && { ...measuredOn, file } }));
  } catch (thrown) {
    showError('calibration', thrown);
  }
}

function keptWords({ report: { calibration, engine, model }, savedAtMs }: KeptReport): string {
  const on = engine ? ` on ${engineWords(engine.name)}` : '';
  const inputs = `${calibrationWords(calibration)}, n = ${tokensWords(calibration.tokens, model.streams)}`;
  return `${inputs}, ${momentWords(savedAtMs)}${on}`;
}

export const isMeasured = (report: AnalysisReport, edit: RunEdit): boolean => outputErrorOf(report, edit) !== undefined;

/** Measures the damage of edits that have none yet, when the worker is free. */
/** Of a measurement that arrives one by one. */
const RESULTS_AT_ONCE = 8;

export async function measureDamage(edits: readonly RunEdit[]): Promise<void> {
  const { report, measuredOn, measuring } = analysisStore.getState();
  const probes = reportProbes(report, measuredOn)?.source;
  if (!report || !probes) return;
  const byKey = new Map(edits.filter((edit) => !isMeasured(report, edit)).map((edit) => [editKey(edit), edit]));
  const missing = [...byKey.values()];
  if (missing.length === 0 || sameEdits(missing, measuring)) return;
  analysisStore.setState({ measuring: missing });
  const arrived: EditDamage[] = [];
  try {
    // Results are kept as they arrive: a measurement that is stopped continues after them. In groups, as each ranks anew.
    const damage = await showingRefit((onProgress) =>
      measureQuietly('damage', { edits: missing, probes }, (progress) => {
        onProgress(progress);
        if (progress.partial) arrived.push(progress.partial);
        if (arrived.length >= RESULTS_AT_ONCE) addDamage(report, arrived.splice(0));
      }),
    );
    addDamage(report, damage ?? arrived);
  } catch (thrown) {
    showError('damage', thrown);
  } finally {
    if (analysisStore.getState().measuring === missing) analysisStore.setState({ measuring: [] });
  }
}

/** To the analysis that was measured for, which may have made room for another one meanwhile. */
export function addDamage(of: AnalysisReport, measured: readonly EditDamage[]): void {
  const { report: present } = analysisStore.getState();
  if (present?.streams !== of.streams) return;
  const fresh = measured.filter(({ edit }) => !present.damage.some((known) => sameEdit(known.edit, edit)));
  if (fresh.length === 0) return;
  const report = { ...present, damage: [...present.damage, ...fresh] };
  analysisStore.setState({ report });
  followRanking(report);
}

/** The same for parts of blocks, which rank nothing. */
export function addParts(of: AnalysisReport, measured: readonly PartDamage[]): void {
  const { report: present } = analysisStore.getState();
  if (present?.streams !== of.streams) return;
  const fresh = measured.filter(({ block, part }) => !partDamageOf(present, block, part));
  if (fresh.length > 0) analysisStore.setState({ report: { ...present, parts: [...present.parts, ...fresh] } });
}

/** The same for text groups and feed-forward layers. */
export function addWidth(of: AnalysisReport, measured: readonly WidthDamage[]): void {
  const { report: present } = analysisStore.getState();
  if (present?.streams !== of.streams) return;
  const fresh = measured.filter(({ edit }) => !widthDamageOf(present, edit));
  if (fresh.length > 0) analysisStore.setState({ report: { ...present, width: [...(present.width ?? []), ...fresh] } });
}

/** Keeps the report with what has been measured since, so that a reload finds it. */
export async function keepMeasured(of: AnalysisReport): Promise<void> {
  const { report, measuredOn } = analysisStore.getState();
  if (report && measuredOn && report.streams === of.streams) await keep(measuredOn, report);
}

/** Where the time of this run will go: as estimated, as in the last one, or as expected for a first run. */
export function expectedShares(
  report: AnalysisReport | null,
  numBlocks: number,
  estimate: AnalysisEstimate | null = null,
): Shares {
  if (estimate) return estimatedShares(estimate);
  return report && Object.values(report.stagesMs).some((ms) => ms > 0) ? report.stagesMs : firstRunShares(numBlocks);
}
