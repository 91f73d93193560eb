/**
 * Finished analyses, kept in this browser (IndexedDB): several per model, each under everything that made it (see
 * kept-records.ts). Stored as the report's JSON text and parsed again on the way out, like any file.
 */
import { asContiguaError } from '@/lib/core/errors.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { showPassing, showWarning } from '../browser/notices.ts';
import { background } from './background/index.ts';
import {
  beyondLimit,
  inputsOf,
  type KeptRecord,
  MOST_KEPT,
  newestFirst,
  recordOf,
  sameAnalysis,
} from './kept-records.ts';

const DATABASE = 'contigua';
const STORE = 'analyses';

export interface KeptReport {
  readonly report: AnalysisReport;
  /** The text of the calibration that it was measured on. */
  readonly inputs: string;
  readonly savedAtMs: number;
}

export async function keepReport(inputs: string, report: AnalysisReport, measuredAtMs: number): Promise<void> {
  const record = recordOf(inputs, report, measuredAtMs);
  let dropped = 0;
  try {
    const same = new Set((await sameAnalysis(await recordsOf(record.fingerprint), record, read)).map(({ key }) => key));
    await within('readwrite', (store) => {
      store.put(record);
      const kept: IDBRequest<KeptRecord[]> = store.index('fingerprint').getAll(record.fingerprint);
      kept.onsuccess = () => {
        const others = kept.result.filter(({ key }) => !same.has(key));
        const oldest = beyondLimit(others, record).map(({ key }) => key);
        for (const key of [...same, ...oldest]) store.delete(key);
        dropped = oldest.length;
      };
      return kept;
    });
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

/** The kept analyses of a model that can be read, newest first; none where the browser refuses. */
export async function keptReports(fingerprint: string): Promise<readonly KeptReport[]> {
  try {
    const kept: KeptReport[] = [];
    for (const record of newestFirst(await recordsOf(fingerprint))) {
      const report = await read(record.text);
      if (report) kept.push({ report, inputs: inputsOf(record), savedAtMs: record.savedAtMs });
    }
    return kept;
  } catch (thrown) {
    showWarning('kept', 'Analyses kept in this browser could not be read', { hint: `${reasonOf(thrown)}.` });
    return [];
  }
}

/** Null for what a newer version wrote, which may still want it: it stays until it is the oldest. */
async function read(text: string): Promise<AnalysisReport | null> {
  try {
    return await background.readReport(text, 'kept analysis');
  } catch (thrown) {
    if (asContiguaError(thrown).code === 'internal') throw thrown;
    return null;
  }
}

const recordsOf = (fingerprint: string): Promise<KeptRecord[]> =>
  within('readonly', (store) => store.index('fingerprint').getAll(fingerprint));

async function within<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest): Promise<T> {
  const database = await open();
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(STORE, { keyPath: 'key' }).createIndex('fingerprint', 'fingerprint');
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : 'The browser gave no reason';
}
