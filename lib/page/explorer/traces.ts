/** A trace or a config.json in place of a model: what it is analysed on, and what is said where weights would be needed. Pure. */
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { type CalibrationChoice, DEFAULT_CALIBRATION } from './calibration.ts';

/** A trace brings its own inputs: a file that is named by what the trace holds and is never picked. Null for a model. */
export function traceChoice(summary: Pick<ModelSummary, 'trace'> | null): CalibrationChoice | null {
  if (!summary?.trace) return null;
  return { ...DEFAULT_CALIBRATION, kind: 'file', file: null, fileDigits: summary.trace.digits };
}

/** Why nothing more can be measured; null for a model, whose weights are at hand. */
export function lacksWeights(summary: Pick<ModelSummary, 'trace' | 'configAlone' | 'name'> | null): string | null {
  if (summary?.configAlone) return 'Only config.json is open: open its folder with the weights to measure anything.';
  return summary?.trace ? `A trace holds no weights: open ${summary.name} itself to measure what they do.` : null;
}

/** The same in the place of a figure. */
export const NEEDS_WEIGHTS = 'needs the weights';
