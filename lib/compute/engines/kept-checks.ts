/**
 * Results of the golden cases on devices of this browser, so that an engine that must be checked first is checked once and not at
 * every visit. A result counts for one device, browser version and product version: a new driver may come with each.
 */
import type { SelfCheck } from '../../core/model/index.ts';

export interface CheckStore {
  get(key: string): Promise<unknown>;
  put(key: string, check: SelfCheck): Promise<void>;
}

/** A store that fails costs the check again, and nothing else. */
export function keptChecks(
  check: () => Promise<SelfCheck>,
  store: CheckStore | null,
  browser: string,
): (device: string) => Promise<SelfCheck> {
  return async (device) => {
    const key = `${device}, ${browser}`;
    const kept = await store?.get(key).catch(() => null);
    if (isCheck(kept)) return kept;
    const made = await check();
    await store?.put(key, made).catch(() => undefined);
    return made;
  };
}

function isCheck(value: unknown): value is SelfCheck {
  if (typeof value !== 'object' || value === null) return false;
  const { maxAbsError, tolerance } = value as Partial<Record<keyof SelfCheck, unknown>>;
  return typeof maxAbsError === 'number' && typeof tolerance === 'number';
}

const DATABASE = 'contigua-engines';
const STORE = 'checks';

/** Null where the browser has no IndexedDB. */
export function browserChecks(): CheckStore | null {
  if (typeof indexedDB === 'undefined') return null;
  return {
    get: (key) => within('readonly', (store) => store.get(key)),
    put: (key, check) => within('readwrite', (store) => store.put(check, key)).then(() => undefined),
  };
}

async function within(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest): Promise<unknown> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = (await settled(opening)) as IDBDatabase;
  try {
    return await settled(act(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

function settled(request: IDBRequest): Promise<unknown> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
