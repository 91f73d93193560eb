import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { z } from 'zod';
import { json } from './database/database.ts';
import { openEmbedded } from './database/embedded.ts';
import { copyFreshDatabase } from './database/testing.ts';
import { assertStorable } from './storable.ts';

const folder = await mkdtemp(join(tmpdir(), 'contigua-storable-'));
afterAll(() => rm(folder, { recursive: true }));

it('refuses what cannot be stored, at any depth, with its place', () => {
  for (const fine of [undefined, null, 1, '🙂\u001b', { a: ['b', { c: '\\u0000' }] }]) assertStorable(fine);
  expect(() => assertStorable('\0')).toThrow(/^The request cannot be stored/);
  expect(() => assertStorable({ a: [1, { b: 'x\0' }] })).toThrow(/^`a\.1\.b` cannot be stored/);
  expect(() => assertStorable({ a: { 'k\0': 1 } })).toThrow(/cannot be stored; found a name/);
  let nested: unknown = 1;
  for (let i = 0; i < 100_000; i++) nested = [nested];
  expect(() => assertStorable({ plan: nested })).toThrow(/^`plan\.0\.0` cannot be stored; found more than 64 levels/);
});

it('has text of the server’s own mended on its way into the database', async () => {
  await copyFreshDatabase(folder);
  const db = await openEmbedded(folder);
  try {
    await db.change('create table told (error text, event jsonb)');
    const error = 'cut\0 off \ud83d';
    await db.change('insert into told values ($1, $2::text::jsonb)', [
      error,
      json({ error, list: [error, '\\u0000'] }),
    ]);
    const rows = await db.rows(z.unknown(), 'select * from told where error <> $1', ['\0']);
    const mended = 'cut\ufffd off \ufffd';
    expect(rows).toEqual([{ error: mended, event: { error: mended, list: [mended, '\\u0000'] } }]);
  } finally {
    await db.close();
  }
});
