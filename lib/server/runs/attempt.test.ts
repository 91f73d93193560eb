import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { type Database, firstRow } from '../database/database.ts';
import { openEmbedded } from '../database/embedded.ts';
import { copyFreshDatabase } from '../database/testing.ts';
import { addNote } from './attempt.ts';

let folder = '';
let db: Database;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-notes-'));
  await copyFreshDatabase(folder);
  db = await openEmbedded(folder);
  await db.change(`
    insert into contigua.runs (id, name, model_id, model, plan, settings, state)
      values ('7', 'n', 'm', '{}', '{}', '{}', 'running');
    insert into contigua.jobs (run_id, key, kind, state, steps)
      values ('7', '1-3', 'student', 'running', 10), ('7', '5-6', 'student', 'running', 10);
  `);
}, 120_000);
afterAll(async () => {
  await db.close();
  await rm(folder, { recursive: true });
});

it('keeps the newest sentences of a job’s note, each once, and marks what it left out', async () => {
  const noteOf = async (id: number) =>
    (
      await firstRow(db, z.object({ note: z.string().nullable() }), 'select note from contigua.jobs where id = $1', [
        id,
      ])
    )?.note;
  const sentence = (n: number) => `Attempt ${n} ${'x'.repeat(400)}.`;
  await addNote(db, 1, sentence(1));
  await addNote(db, 1, sentence(1));
  expect(await noteOf(1)).toBe(sentence(1));
  await addNote(db, 1, sentence(2));
  expect(await noteOf(1)).toBe(`${sentence(1)} ${sentence(2)}`);
  await addNote(db, 1, sentence(3));
  expect(await noteOf(1)).toBe(`… ${`${sentence(1)} ${sentence(2)} ${sentence(3)}`.slice(-1000)}`);
  expect(await noteOf(2)).toBeNull();
});
