/**
 * Measured ablation on demand: every block, both halves of every block, or every short interval taken out, one after the other.
 * Each result is on the page as soon as it is there, so that stopping loses nothing; what has been measured is not measured again.
 */
import { createStore } from 'zustand/vanilla';
import { type Ablation, ablationsOf, unmeasured } from '@/lib/core/detection/index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { settle, showError } from '../browser/notices.ts';
import { analysisStore } from './analysis-store.ts';
import { ask } from './compute.ts';
import { detectedIn } from './detection.ts';
import { keepMeasured } from './keeping.ts';
import { beginMeasurement } from './measurements.ts';
import { reportProbes } from './probe-source.ts';
import { addDamage, addParts } from './report-additions.ts';
import { settingsStore } from './settings.ts';

export interface RunningAblation {
  readonly which: Ablation;
  readonly done: number;
  readonly total: number;
}

export const ablationStore = createStore<{ readonly running: RunningAblation | null }>(() => ({ running: null }));
let stopRunning: AbortController | null = null;

const detectedNow = (report: AnalysisReport) => detectedIn(report, settingsStore.getState().detection);

/** How many of them the report does not say yet. */
export function leftToMeasure(report: AnalysisReport, which: Ablation): number {
  const { edits, parts } = unmeasured(report, ablationsOf(which, report.model, detectedNow(report)));
  return edits.length + parts.length;
}

/** Nothing is measured where `shown`, which the user sees, is not the analysis on the page any more. */
export async function measureAblation(which: Ablation, shown: AnalysisReport): Promise<void> {
  const { report, measuredOn } = analysisStore.getState();
  if (report?.streams !== shown.streams) return;
  const probes = reportProbes(report, measuredOn)?.source;
  if (!report || !probes || stopRunning) return;
  const { edits, parts } = unmeasured(report, ablationsOf(which, report.model, detectedNow(report)));
  const total = edits.length + parts.length;
  if (total === 0) return;
  const { own, end } = beginMeasurement();
  stopRunning = own;
  const { signal } = own;
  const show = (done: number) => ablationStore.setState({ running: { which, done, total } });
  settle('damage');
  show(0);
  try {
    if (edits.length > 0) {
      await ask(
        'damage',
        { edits, probes },
        {
          signal,
          onProgress({ done, partial }) {
            if (partial) addDamage(report, [partial]);
            show(done);
          },
        },
      );
    }
    if (parts.length > 0) {
      await ask(
        'parts',
        { parts, probes },
        {
          signal,
          onProgress({ done, partial }) {
            if (partial) addParts(report, [partial]);
            show(edits.length + done);
          },
        },
      );
    }
  } catch (thrown) {
    if (!signal.aborted) showError('damage', thrown);
  } finally {
    end();
    stopRunning = null;
    ablationStore.setState({ running: null });
    await keepMeasured(report);
  }
}

export function stopAblation(): void {
  stopRunning?.abort();
}
