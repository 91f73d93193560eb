import { expect, test } from 'vitest';
import { editSetOf, ffnEdit, modulationEdit, runEdit, textStreamEdit } from '@/lib/core/edit/index.ts';
import { editableFrom } from '@/lib/core/model/config-index.ts';
import { exampleModel } from '@/lib/core/planner/planner-fixtures.ts';
import { beyondKept, choiceFrom, choiceRecord, mergedRecord } from './choice-records.ts';
import { editsMadeOf, type PageEdit, pageEdits } from './edits.ts';
import { type MeasuredChoice, MOST_CHOICES } from './measured-choice.ts';

const summary = exampleModel(8);
const DAMAGE = { outputError: 0.25, bounds: { low: 0.2, high: 0.3 }, bands: [0.1, null] };
const FACTS = { held: 40, total: 41, pictures: 4 };

const measured = (edits: readonly PageEdit[], found: Partial<MeasuredChoice> = {}): MeasuredChoice => ({
  of: { model: summary.fingerprint, ...editsMadeOf(edits), 'measured on': 'shapes-64-8-1' },
  edits,
  damage: DAMAGE,
  facts: FACTS,
  ...found,
});
/** As a database gives it back. */
const stored = (choice: MeasuredChoice) => structuredClone(choiceRecord(choice, 5));

test('a measured choice comes back as it was, with edits of every kind, and so does the whole model', () => {
  const runs = pageEdits([runEdit({ first: 1, last: 2 }, 'probes'), runEdit({ first: 4, last: 5 }, 'nothing')]);
  const every = [...runs, textStreamEdit({ first: 6, last: 7 }), ffnEdit(3, 'image'), modulationEdit({ rank: 4 })];
  // In the order that a selection has.
  const selected = pageEdits(editSetOf(every, editableFrom(summary.narrower, summary), 'test'));
  expect(selected).toHaveLength(5);
  for (const edits of [runs, selected, []]) {
    const choice = measured(edits);
    expect(choiceFrom(stored(choice), summary)).toEqual(choice);
  }
  const overflowing = measured(runs, { damage: { outputError: null, bounds: null, bands: [] } });
  // Another engine may measure it.
  expect(choiceFrom(stored(overflowing), summary)).toEqual({ ...overflowing, damage: null });
  const counted = measured(runs, { damage: null });
  expect(choiceFrom(stored(counted), summary)).toEqual(counted);
});

test('a choice is kept once, whatever the order of what it was made of', () => {
  const choice = measured(pageEdits([runEdit({ first: 1, last: 2 }, 'nothing')]));
  const turned = { ...choice, of: Object.fromEntries(Object.entries(choice.of).reverse()) };
  expect(choiceRecord(turned, 6).key).toBe(choiceRecord(choice, 5).key);
  const other = measured(pageEdits([runEdit({ first: 1, last: 3 }, 'nothing')]));
  expect(choiceRecord(other, 5).key).not.toBe(choiceRecord(choice, 5).key);
});

test('what is of another model, of another version or no measurement is left out', () => {
  const record = stored(measured(pageEdits([runEdit({ first: 1, last: 2 }, 'nothing')])));
  expect(choiceFrom(record, { ...summary, fingerprint: 'sha256:ff' })).toBeNull();
  for (const wrong of [
    { version: 2 },
    { edits: '1-9' },
    { edits: 7 },
    { of: { model: 3 } },
    { damage: { ...DAMAGE, outputError: 'low' } },
    { damage: { ...DAMAGE, bounds: {} } },
    { damage: { ...DAMAGE, bands: {} } },
    { facts: { ...FACTS, held: 0.5 } },
    { facts: null },
  ]) {
    expect(choiceFrom({ ...record, ...wrong }, summary), JSON.stringify(wrong)).toBeNull();
  }
  expect(choiceFrom(null, summary)).toBeNull();
  expect(choiceFrom(record, summary)).not.toBeNull();
});

test('the oldest choices make room, never the one that comes', () => {
  const records = Array.from({ length: MOST_CHOICES + 1 }, (_, at) => ({
    ...stored(measured([])),
    key: String(at),
    savedAtMs: at,
  }));
  const added = { ...records[0]!, savedAtMs: 0 };
  expect(beyondKept(records, added).map(({ key }) => key)).toEqual(['1']);
  expect(beyondKept(records.slice(0, MOST_CHOICES), added)).toEqual([]);
});

test('what two tabs measured of a choice is kept together', () => {
  const edits = pageEdits([runEdit({ first: 1, last: 2 }, 'nothing')]);
  const counted = choiceRecord(measured(edits, { damage: null, facts: { held: 80, total: 82, pictures: 8 } }), 5);
  const erred = choiceRecord(measured(edits, { facts: { held: 0, total: 0, pictures: 0 } }), 6);
  expect(mergedRecord(counted, erred)).toEqual({ ...erred, facts: counted.facts });
  expect(mergedRecord(erred, { ...counted, savedAtMs: 7 })).toEqual({ ...counted, savedAtMs: 7, damage: DAMAGE });
  expect(mergedRecord(undefined, erred)).toEqual(erred);
  expect(mergedRecord({ ...counted, version: 0 }, erred)).toEqual(erred);
});
