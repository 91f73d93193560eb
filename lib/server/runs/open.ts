/** Database and queue, opened for a host or a worker. */
import { openDatabase } from '../database/open.ts';
import type { ServerEnv } from '../env.ts';
import { openQueue } from '../queue.ts';
import { type RunContext, Wakeups } from './context.ts';

export interface OpenRuns {
  readonly context: RunContext;
  close(): Promise<void>;
}

export async function openRuns(
  env: Pick<ServerEnv, 'databaseUrl' | 'dataFolder'>,
  report: (sentence: string) => void,
): Promise<OpenRuns> {
  const db = await openDatabase(env);
  try {
    const queue = await openQueue(db, (error) => report(`The queue: ${error.message}`));
    return {
      context: { db, queue, wakeups: new Wakeups() },
      async close() {
        await queue.stop();
        await db.close();
      },
    };
  } catch (thrown) {
    await db.close();
    throw thrown;
  }
}
