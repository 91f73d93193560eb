/** Finished analyses that this browser keeps, several per model, and what the page says of them. The background worker has the store. */
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { showPassing, showWarning } from '../browser/notices.ts';
import { background } from './background/index.ts';
import type { KeptEntry } from './background/kept-store.ts';
import { MOST_KEPT } from './kept-records.ts';

export interface KeptReport extends Pick<KeptEntry, 'inputs' | 'savedAtMs'> {
  readonly report: AnalysisReport;
}

export async function keepReport(inputs: string, report: AnalysisReport, measuredAtMs: number): Promise<void> {
  let dropped: number;
  try {
    dropped = await background.keep(inputs, report, measuredAtMs);
  } catch (thrown) {
    showWarning('kept', 'This analysis could not be kept in the browser', {
      hint: `${reasonOf(thrown)}. It is lost on reload.`,
    });
    return;
  }
  if (dropped > 0) {
    showPassing('kept', 'info', 'The oldest kept analysis of this model was removed', {
      hint: `This browser keeps the last ${MOST_KEPT} analyses of a model.`,
    });
  }
}

/** The last analysis of a model that can be read: of those on `inputs`, else of all. Null where there is none, or the browser refuses. */
export async function lastKept(fingerprint: string, inputs: string | null): Promise<KeptReport | null> {
  return await reading(null, async () => {
    const all = await background.listKept(fingerprint);
    const own = all.filter((entry) => entry.inputs === inputs);
    for (const entry of [...own, ...all.filter((one) => !own.includes(one))]) {
      const kept = await withReport(entry);
      if (kept) return kept;
    }
    return null;
  });
}

/** Those of a model that can be read and are not on `inputs`, newest first; none where the browser refuses. */
export async function keptBeside(fingerprint: string, inputs: string | null): Promise<readonly KeptReport[]> {
  return await reading([], async () => {
    const kept: KeptReport[] = [];
    for (const entry of await background.listKept(fingerprint)) {
      const one = entry.inputs === inputs ? null : await withReport(entry);
      if (one) kept.push(one);
    }
    return kept;
  });
}

async function withReport({ key, inputs, savedAtMs }: KeptEntry): Promise<KeptReport | null> {
  const report = await background.readKept(key);
  return report && { report, inputs, savedAtMs };
}

async function reading<T>(none: T, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (thrown) {
    showWarning('kept', 'Analyses kept in this browser could not be read', { hint: `${reasonOf(thrown)}.` });
    return none;
  }
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : 'The browser gave no reason';
}
