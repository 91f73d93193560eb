/** The database that the environment names, its tables up to date. */
import type { ServerEnv } from '../env.ts';
import type { Database } from './database.ts';
import { openEmbedded } from './embedded.ts';
import { migrate } from './migrations.ts';
import { openPostgres } from './postgres.ts';

export async function openDatabase({ databaseUrl, dataFolder }: Pick<ServerEnv, 'databaseUrl' | 'dataFolder'>) {
  const db: Database = databaseUrl === null ? await openEmbedded(dataFolder) : openPostgres(databaseUrl);
  try {
    await migrate(db);
    return db;
  } catch (thrown) {
    await db.close();
    throw thrown;
  }
}
