/**
 * Results of the golden cases on the engines of this browser, so that an engine is checked once and not at every visit. A result
 * counts for one engine, device, browser version and build of the product. A new driver leaves all of these as they are, so a result
 * also expires.
 */
import type { KeptCheck, SelfCheck } from '../../core/model/index.ts';

export interface CheckStore {
  get(key: string): Promise<unknown>;
  put(key: string, check: unknown): Promise<void>;
}

/** Gives what is kept of an engine, or runs the golden cases. `again` runs them in any case. */
export type CheckEngine = (engine: string, again?: boolean) => Promise<KeptCheck>;

const KEPT_FOR_MS = 30 * 24 * 3_600_000;

/** `browserAndBuild`: results of others are of no use. A store that fails, or none, costs the check again and nothing else. */
export function keptChecks(
  check: () => Promise<SelfCheck>,
  store: CheckStore | null,
  browserAndBuild: string,
  now: () => number = Date.now,
): CheckEngine {
  const madeHere = new Map<string, number>();
  return async (engine, again = false) => {
    const key = `${engine}, ${browserAndBuild}`;
    const kept = again ? null : await store?.get(key).catch(() => null);
    if (isKept(kept) && Math.abs(now() - kept.atMs) < KEPT_FOR_MS) {
      const { maxAbsError, tolerance, atMs } = kept;
      return { maxAbsError, tolerance, keptFromMs: madeHere.get(key) === atMs ? null : atMs };
    }
    const made = await check();
    const atMs = now();
    madeHere.set(key, atMs);
    await store?.put(key, { ...made, atMs }).catch(() => undefined);
    return { ...made, keptFromMs: null };
  };
}

function isKept(value: unknown): value is SelfCheck & { readonly atMs: number } {
  if (typeof value !== 'object' || value === null) return false;
  return ['maxAbsError', 'tolerance', 'atMs'].every((name) => typeof Reflect.get(value, name) === 'number');
}

const DATABASE = 'contigua-engines';
const STORE = 'checks';

/** Null where the browser has no IndexedDB. What does not end with `browserAndBuild` is removed with the first result. */
export function browserChecks(browserAndBuild: string): CheckStore | null {
  if (typeof indexedDB === 'undefined') return null;
  return {
    get: (key) => within('readonly', (store) => store.get(key)),
    async put(key, check) {
      const keys = (await within('readonly', (store) => store.getAllKeys())) as IDBValidKey[];
      for (const old of keys.filter((one) => !String(one).endsWith(`, ${browserAndBuild}`))) {
        await within('readwrite', (store) => store.delete(old));
      }
      await within('readwrite', (store) => store.put(check, key));
    },
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
