/**
 * The analysis on the page, running, finished or restored: one owner for its progress, its partial results, the report and the damage
 * measured since. What changes it is in analysis.ts, keeping.ts and report-additions.ts.
 */
import { createStore } from 'zustand/vanilla';
import type { AnyEstimate } from '@/lib/compute/protocol.ts';
import type { RunSet } from '@/lib/core/edit/index.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import type { LimitsChoice } from './analysis-limits.ts';
import type { CalibrationChoice } from './calibration.ts';
import type { RunningAnalysis } from './running-analysis.ts';

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

/**
 * A report with what it was measured on. The page shows a new one a moment after the store has it (components/explorer/use-analysis.ts),
 * so that what a panel does is of the one that it shows.
 */
export type Analysed = Pick<AnalysisState, 'report' | 'measuredOn'>;

export interface EstimatedAnalysis {
  readonly estimate: AnyEstimate;
  readonly summary: ModelSummary;
  readonly choice: CalibrationChoice;
  readonly limits: LimitsChoice;
}

export const NO_ANALYSIS: AnalysisState = {
  running: null,
  estimated: null,
  stopping: false,
  report: null,
  measuredOn: null,
  isRestored: false,
  measuredAtMs: null,
  measuring: [],
};

export const analysisStore = createStore<AnalysisState>(() => NO_ANALYSIS);
