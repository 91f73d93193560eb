/** Measured choices that are kept in this browser, one record each. Used in the background worker alone, as kept analyses are. */
import { beyondKept, type ChoiceRecord, mergedRecord } from '../choice-records.ts';
import { within } from './records.ts';

const AT = { database: 'contigua-choices', store: 'choices' };

/** Beside what an earlier record of the same choice has; the oldest of its model make room. */
export async function keepChoice(record: ChoiceRecord): Promise<void> {
  await within(AT, 'readwrite', (store) => {
    const kept: IDBRequest<ChoiceRecord[]> = store.index('fingerprint').getAll(record.fingerprint);
    kept.onsuccess = () => {
      store.put(
        mergedRecord(
          kept.result.find(({ key }) => key === record.key),
          record,
        ),
      );
      for (const { key } of beyondKept(kept.result, record)) store.delete(key);
    };
    return kept;
  });
}

/** Of a model, the newest last. */
export async function listChoices(fingerprint: string): Promise<readonly ChoiceRecord[]> {
  const records: ChoiceRecord[] = await within(AT, 'readonly', (store) =>
    store.index('fingerprint').getAll(fingerprint),
  );
  return records.toSorted((a, b) => a.savedAtMs - b.savedAtMs);
}
