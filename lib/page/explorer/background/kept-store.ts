/**
 * Analyses that are kept in this browser (IndexedDB), each under everything that made it (see kept-records.ts). Stored as the report's
 * JSON text and parsed again on the way out, like any file. Used in the background worker alone: the text of a report of sixty blocks has
 * megabytes, and takes a tenth of a second to write or to read.
 */
import { ContiguaError } from '@/lib/core/errors.ts';
import { type AnalysisReport, parseReport } from '@/lib/core/report/index.ts';
import { beyondLimit, inputsOf, type KeptRecord, newestFirst, recordOf, sameAnalysis } from '../kept-records.ts';
import { within } from './records.ts';

const AT = { database: 'contigua', store: 'analyses' };

/** A kept analysis, without its report. */
export interface KeptEntry {
  readonly key: string;
  /** The text of the calibration that it was measured on. */
  readonly inputs: string;
  readonly savedAtMs: number;
}

/** Keeps a report; returns how many analyses of its model had to make room. */
export async function keep(inputs: string, report: AnalysisReport, measuredAtMs: number): Promise<number> {
  const record = recordOf(inputs, report, measuredAtMs);
  let dropped = 0;
  await within(AT, 'readwrite', (store) => {
    const kept: IDBRequest<KeptRecord[]> = store.index('fingerprint').getAll(record.fingerprint);
    kept.onsuccess = () => {
      const same = new Set(sameAnalysis(kept.result, record, read).map(({ key }) => key));
      const others = kept.result.filter(({ key }) => !same.has(key));
      const oldest = beyondLimit(others, record).map(({ key }) => key);
      store.put(record);
      for (const key of [...same, ...oldest]) store.delete(key);
      dropped = oldest.length;
    };
    return kept;
  });
  return dropped;
}

/** Of a model, the newest first. */
export async function listKept(fingerprint: string): Promise<readonly KeptEntry[]> {
  const records: KeptRecord[] = await within(AT, 'readonly', (store) => store.index('fingerprint').getAll(fingerprint));
  return newestFirst(records).map((record) => ({
    key: record.key,
    inputs: inputsOf(record),
    savedAtMs: record.savedAtMs,
  }));
}

/** Null where it is not there any more, or cannot be read. */
export async function readKept(key: string): Promise<AnalysisReport | null> {
  const record: KeptRecord | undefined = await within(AT, 'readonly', (store) => store.get(key));
  return record ? read(record.text) : null;
}

/** Null for what a newer version wrote, which may still want it: it stays until it is the oldest. */
function read(text: string): AnalysisReport | null {
  try {
    return parseReport(text, 'kept analysis');
  } catch (thrown) {
    if (!(thrown instanceof ContiguaError)) throw thrown;
    return null;
  }
}
