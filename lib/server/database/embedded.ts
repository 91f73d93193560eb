/**
 * PGlite, PostgreSQL compiled to WebAssembly, in a folder that this process alone may touch (folder-lock.ts). Its writes
 * reach the operating system before a statement is acknowledged, so they survive `kill -9`; it never flushes them to the
 * disk, so a power cut may lose the last seconds, or in the worst case the folder: PostgreSQL is the choice where that counts.
 */
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import type { z } from 'zod';
import { ContiguaError } from '../../core/errors.ts';
import { type Database, type Queryable, type SqlValue, sqlValues } from './database.ts';
import { lockFolder } from './folder-lock.ts';
import { closeTree } from './private-folder.ts';

export async function openEmbedded(dataFolder: string, report?: (sentence: string) => void): Promise<Database> {
  const lock = await lockFolder(join(dataFolder, 'database.lock'), dataFolder, report);
  const folder = join(dataFolder, 'database');
  const opened = await PGlite.create({ dataDir: folder, relaxedDurability: false }).catch(async (thrown: unknown) => {
    await lock.release();
    throw unreadable(folder, thrown);
  });
  await closeTree(folder);
  return {
    where: `PGlite in ${folder}`,
    embedded: true,
    ...queryable({
      query: (...query) => told(folder, opened.query(...query)),
      exec: (...query) => told(folder, opened.exec(...query)),
    }),
    transaction: (work) =>
      told(
        folder,
        opened.transaction(async (transaction) => await work(queryable(transaction))),
      ),
    async close() {
      await opened.close();
      await lock.release();
    },
  };
}

type Asking = Pick<PGlite, 'query' | 'exec'>;

/** SQLSTATE disk_full. */
const DISK_FULL = '53100';

async function told<T>(folder: string, asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === DISK_FULL)) throw thrown;
    throw new ContiguaError('disk-full', 'The database has no room to grow', {
      file: folder,
      found: thrown.message,
      hint: 'Free space on this disk; everything acknowledged before is kept.',
    });
  }
}

function queryable(db: Asking): Queryable {
  return {
    async rows<T>(schema: z.ZodType<T>, sql: string, values?: readonly SqlValue[]) {
      const { rows } = await db.query(sql, values && sqlValues(values));
      return rows.map((row) => schema.parse(row));
    },
    async change(sql, values) {
      // Without parameters it may be several statements, as a migration is.
      if (values === undefined) {
        await db.exec(sql);
        return 0;
      }
      return (await db.query(sql, sqlValues(values))).affectedRows ?? 0;
    },
    forQueue: {
      async executeSql(sql, values) {
        if (values?.length) return await db.query(sql, values);
        return { rows: (await db.exec(sql)).flatMap(({ rows }) => rows) };
      },
    },
  };
}

/** ENOSPC, as the file system inside PGlite numbers it (WASI). */
const WASI_NO_SPACE = 51;

function unreadable(folder: string, thrown: unknown): ContiguaError {
  if (typeof thrown === 'object' && thrown !== null && 'errno' in thrown && thrown.errno === WASI_NO_SPACE) {
    return new ContiguaError('disk-full', 'There is no room to open the database', {
      file: folder,
      found: 'ENOSPC',
      hint: 'Free space on this disk; everything acknowledged before is kept.',
    });
  }
  return new ContiguaError('database-unreachable', 'The embedded database could not be opened', {
    file: folder,
    found: thrown instanceof Error ? thrown.message : String(thrown),
    hint: 'The disk may be full, or the folder may be from another version. It was not changed; make a copy before you change it.',
  });
}
