/**
 * Finished analyses, kept in this browser (IndexedDB) under the model's fingerprint and the calibration's key. Stored
 * as the report's JSON text and parsed again on the way out: what another version wrote is refused like any file.
 */
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { showInfo } from './notices.ts';

const DATABASE = 'contigua';
const STORE = 'analyses';

interface KeptRecord {
  readonly key: string;
  readonly fingerprint: string;
  readonly savedAtMs: number;
  readonly text: string;
}
export interface KeptReport {
  readonly report: AnalysisReport;
  readonly savedAtMs: number;
}

export async function keepReport(calibrationKey: string, report: AnalysisReport): Promise<void> {
  const { fingerprint } = report.model;
  const record: KeptRecord = {
    key: `${fingerprint} ${calibrationKey}`,
    fingerprint,
    savedAtMs: Date.now(),
    text: JSON.stringify(report),
  };
  try {
    await within('readwrite', (store) => store.put(record));
  } catch (thrown) {
    showInfo('This analysis could not be kept in the browser', {
      hint: `${reasonOf(thrown)}. It is gone after a reload.`,
    });
  }
}

/** The newest kept analysis of a model, or null. An unreadable one is deleted and counts as none. */
export async function keptReport(fingerprint: string): Promise<KeptReport | null> {
  let records: KeptRecord[];
  try {
    records = await within<KeptRecord[]>('readonly', (store) => store.index('fingerprint').getAll(fingerprint));
  } catch (thrown) {
    showInfo('Analyses kept in this browser could not be read', { hint: `${reasonOf(thrown)}.` });
    return null;
  }
  const newest = records.toSorted((a, b) => b.savedAtMs - a.savedAtMs)[0];
  if (!newest) return null;
  try {
    const { parseReport } = await import('./file-readers.ts');
    return { report: parseReport(newest.text, 'kept analysis'), savedAtMs: newest.savedAtMs };
  } catch {
    // Written by another version of the product: measuring again is the only cure, and the page offers just that.
    await within('readwrite', (store) => store.delete(newest.key));
    return null;
  }
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
