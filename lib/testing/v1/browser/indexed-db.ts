/**
 * As much of IndexedDB as keeping analyses takes, in memory, with records that are there from the start. Requests answer
 * after the caller has set its handlers, a transaction completes after its request, as in a browser.
 */

export interface KeptStore {
  readonly database: string;
  readonly version: number;
  readonly store: string;
  readonly keyPath: string;
  readonly records: readonly Readonly<Record<string, unknown>>[];
}

/** Stands for `globalThis.indexedDB`; `records` is what is stored now, by key. */
export function memoryIndexedDb({ database, version, store, keyPath, records: initial }: KeptStore) {
  const records = new Map(initial.map((record) => [record[keyPath], record]));
  const later = (work: () => void) => void setTimeout(work);

  const request = (result: unknown, transaction?: { oncomplete?: (() => void) | null }) => {
    const asked: { result: unknown; onsuccess?: () => void } = { result };
    later(() => {
      asked.onsuccess?.();
      later(() => transaction?.oncomplete?.());
    });
    return asked;
  };
  const objectStore = (transaction: object) => ({
    get: (key: unknown) => request(records.get(key), transaction),
    getAll: () => request([...records.values()], transaction),
    put: (record: Readonly<Record<string, unknown>>) => {
      records.set(record[keyPath], record);
      return request(record[keyPath], transaction);
    },
    delete: (key: unknown) => {
      records.delete(key);
      return request(undefined, transaction);
    },
    index: (field: string) => ({
      getAll: (value: unknown) =>
        request(
          [...records.values()].filter((one) => one[field] === value),
          transaction,
        ),
    }),
  });
  const opened = {
    name: database,
    version,
    close: () => {},
    transaction: () => {
      const transaction = {};
      return Object.assign(transaction, { objectStore: () => objectStore(transaction) });
    },
  };
  return {
    records,
    open(name: string, wanted: number) {
      // A later version adds its step to this one's: what it then asks for is added here.
      if (name !== database || wanted !== version) throw new Error(`${store} lies in ${database}, version ${version}`);
      return request(opened);
    },
  };
}
