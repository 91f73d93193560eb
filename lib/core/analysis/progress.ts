import type { RunEdit } from '../edit/index.ts';
import type { PerStream } from '../report/report.ts';

/** What a running analysis tells besides its result. Stages come in this order; each counts its own steps. */
export type AnalysisStage = 'capture' | 'probes' | 'cka' | 'trajectories' | 'damage';

/** Numbers that are already final, so that a view can fill as they come. */
export type AnalysisPartial =
  | { readonly kind: 'captured'; readonly block: number }
  | { readonly kind: 'probe'; readonly block: number; readonly r2: PerStream<number | null> }
  /** What one detected interval costs, replaced as the edit says; in the order in which they are measured. */
  | ({ readonly kind: 'damage' } & MeasuredRun);

export interface MeasuredRun {
  readonly edit: RunEdit;
  readonly outputError: number | null;
}

export interface AnalysisProgress {
  readonly stage: AnalysisStage;
  readonly done: number;
  readonly total: number;
  readonly partial?: AnalysisPartial;
}
