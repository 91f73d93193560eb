/** Records that this browser keeps (IndexedDB): each has a `key`, and the `fingerprint` of the model that it is of. */

export interface RecordsAt {
  readonly database: string;
  readonly store: string;
}

/** Resolves to the answer to the request that `work` returns, once all that it began is written. */
export async function within<T>(
  at: RecordsAt,
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const database = await open(at);
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = database.transaction(at.store, mode);
      const request = work(transaction.objectStore(at.store));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

function open({ database, store }: RecordsAt): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(database, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(store, { keyPath: 'key' }).createIndex('fingerprint', 'fingerprint');
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
