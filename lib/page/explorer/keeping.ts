/** Keeping the analysis on the page in this browser, and showing one that was kept. */
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { engineWords } from '../browser/engine-words.ts';
import { showPassing, showWarning } from '../browser/notices.ts';
import { momentWords } from '../browser/number-words.ts';
import { tokensWords } from '../browser/stream-words.ts';
import { analysisStore } from './analysis-store.ts';
import {
  type CalibrationChoice,
  calibrationFrom,
  calibrationStore,
  calibrationText,
  calibrationWords,
} from './calibration.ts';
import { type KeptReport, keepReport, lastKept } from './kept-analyses.ts';
import { modelStore } from './model.ts';
import { choiceOfReport } from './probe-source.ts';

/** Keeps a report under what it was measured on; the address then names a file by its content, so that a reload finds it. */
export async function keep(choice: CalibrationChoice, report: AnalysisReport): Promise<void> {
  const measuredAtMs = analysisStore.getState().measuredAtMs ?? Date.now();
  if (choice.kind !== 'file' || !choice.file) return keepReport(calibrationText(choice), report, measuredAtMs);
  const named = { ...choice, fileDigits: report.calibration.file?.digits ?? null };
  if (calibrationStore.getState().file === choice.file) calibrationStore.setState({ fileDigits: named.fileDigits });
  if (analysisStore.getState().measuredOn === choice) analysisStore.setState({ measuredOn: named });
  await keepReport(calibrationText(named), report, measuredAtMs);
}

/** Keeps the report with what has been measured since, so that a reload finds it. */
export async function keepMeasured(of: AnalysisReport): Promise<void> {
  const { report, measuredOn } = analysisStore.getState();
  if (report && measuredOn && report.streams === of.streams) await keep(measuredOn, report);
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
  const last = await lastKept(fingerprint, inputs);
  // Reading takes time: another model may be open by now, or an analysis begun.
  if (!last || !canRestore(fingerprint)) return;
  if (orNewest || last.inputs === inputs) return showKept(last);
  showWarning('kept', 'No analysis with these inputs is kept in this browser', {
    hint: `The last one of ${last.report.model.name} was measured on ${keptWords(last)}.`,
    action: {
      label: 'Show that one',
      run: () => {
        if (canRestore(fingerprint)) showKept(last);
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

function keptWords({ report: { calibration, engine, model }, savedAtMs }: KeptReport): string {
  const on = engine ? ` on ${engineWords(engine.name)}` : '';
  const inputs = `${calibrationWords(calibration)}, n = ${tokensWords(calibration.tokens, model.streams)}`;
  return `${inputs}, ${momentWords(savedAtMs)}${on}`;
}
