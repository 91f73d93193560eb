/**
 * Analyses that are kept in this browser (IndexedDB), each under everything that made it (see kept-records.ts). Stored as the report's
 * JSON text and parsed again on the way out, like any file. Used in the background worker alone: the text of a report of sixty blocks has
 * megabytes, and takes a tenth of a second to write or to read.
 */
import { ContiguaError } from '@/lib/core/errors.ts';
import { type AnalysisReport, parseReport } from '@/lib/core/report/index.ts';
import { beyondLimit, inputsOf, type KeptRecord, newestFirst, recordOf, sameAnalysis } from '../kept-records.ts';

const DATABASE = 'contigua';
const STORE = 'analyses';

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
  await within('readwrite', (store) => {
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
  const records: KeptRecord[] = await within('readonly', (store) => store.index('fingerprint').getAll(fingerprint));
  return newestFirst(records).map((record) => ({
    key: record.key,
    inputs: inputsOf(record),
    savedAtMs: record.savedAtMs,
  }));
}

/** Null where it is not there any more, or cannot be read. */
export async function readKept(key: string): Promise<AnalysisReport | null> {
  const record: KeptRecord | undefined = await within('readonly', (store) => store.get(key));
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

async function within<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
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
