/** The database that the environment names, its tables up to date. */
import { mkdir } from 'node:fs/promises';
import type { ServerEnv } from '../env.ts';
import type { Database } from './database.ts';
import { openEmbedded } from './embedded.ts';
import { migrate } from './migrations.ts';
import { openPostgres } from './postgres.ts';
import { closeToOthers, createPrivately } from './private-folder.ts';

/** Whoever opens it owns a data folder as well, with PostgreSQL for models and students: nobody else may look into that. */
export async function openDatabase(
  { databaseUrl, dataFolder }: Pick<ServerEnv, 'databaseUrl' | 'dataFolder'>,
  report: (sentence: string) => void = console.error,
): Promise<Database> {
  createPrivately();
  await mkdir(dataFolder, { recursive: true });
  await closeToOthers(dataFolder, report);
  const db: Database = databaseUrl === null ? await openEmbedded(dataFolder, report) : openPostgres(databaseUrl);
  try {
    await migrate(db, report);
    return db;
  } catch (thrown) {
    await db.close();
    throw thrown;
  }
}
