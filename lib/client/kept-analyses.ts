/**
 * Finished analyses, kept in this browser (IndexedDB): several per model, each under everything that made it (see
 * kept-records.ts). Stored as the report's JSON text and parsed again on the way out, like any file.
 */
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { beyondLimit, inputsOf, type KeptRecord, MOST_KEPT, newestFirst, recordOf } from './kept-records.ts';
import { showInfo } from './notices.ts';

const DATABASE = 'contigua';
const STORE = 'analyses';

export interface KeptReport {
  readonly report: AnalysisReport;
  /** The text of the calibration that it was measured on. */
  readonly inputs: string;
  readonly savedAtMs: number;
}

export async function keepReport(inputs: string, report: AnalysisReport): Promise<void> {
  const record = recordOf(inputs, report, Date.now());
  let dropped = 0;
  try {
    await within('readwrite', (store) => {
      store.put(record);
      const kept: IDBRequest<KeptRecord[]> = store.index('fingerprint').getAll(record.fingerprint);
      kept.onsuccess = () => {
        const oldest = beyondLimit(kept.result, record);
        for (const { key } of oldest) store.delete(key);
        dropped = oldest.length;
      };
      return kept;
    });
  } catch (thrown) {
    showInfo('This analysis could not be kept in the browser', {
      hint: `${reasonOf(thrown)}. It is gone after a reload.`,
    });
    return;
  }
  if (dropped > 0) {
    showInfo('The oldest kept analysis of this model was removed', {
      hint: `This browser keeps the last ${MOST_KEPT} analyses of a model. Download a report to keep it for longer.`,
    });
  }
}

/** The kept analyses of a model that can be read, newest first; none where the browser refuses. */
export async function keptReports(fingerprint: string): Promise<readonly KeptReport[]> {
  let records: KeptRecord[];
  try {
    records = await within<KeptRecord[]>('readonly', (store) => store.index('fingerprint').getAll(fingerprint));
  } catch (thrown) {
    showInfo('Analyses kept in this browser could not be read', { hint: `${reasonOf(thrown)}.` });
    return [];
  }
  if (records.length === 0) return [];
  const { parseReport } = await import('./file-readers.ts');
  return newestFirst(records).flatMap((record) => {
    try {
      const report = parseReport(record.text, 'kept analysis');
      return { report, inputs: inputsOf(record), savedAtMs: record.savedAtMs };
    } catch {
      // Written by a newer version, which may still want it: ignored here, and removed once it is the oldest.
      return [];
    }
  });
}

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
