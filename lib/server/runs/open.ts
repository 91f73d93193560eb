/** Database and queue, opened for a host or a worker. A server that is just starting, or recovering, is waited for. */
import { asContiguaError } from '../../core/errors.ts';
import { openDatabase } from '../database/open.ts';
import type { ServerEnv } from '../env.ts';
import { outlast } from '../outlast.ts';
import { openQueue } from '../queue.ts';
import { type RunContext, Wakeups } from './context.ts';

/** Long enough for a recovery, short enough for whoever mistyped an address. */
const START_PATIENCE_MS = 15_000;

type Environment = Pick<ServerEnv, 'databaseUrl' | 'dataFolder'>;
type Report = (sentence: string) => void;

export interface OpenRuns {
  readonly context: RunContext;
  close(): Promise<void>;
}

export async function openRuns(env: Environment, report: Report): Promise<OpenRuns> {
  if (env.databaseUrl === null) return await openOnce(env, report);
  let told = false;
  return await outlast(START_PATIENCE_MS, new AbortController().signal, async () => {
    try {
      return await openOnce(env, report);
    } catch (thrown) {
      const { code, message } = asContiguaError(thrown);
      if (code === 'database-unreachable' && !told) report(`Waiting: ${message}`);
      told = true;
      throw thrown;
    }
  });
}

async function openOnce(env: Environment, report: Report): Promise<OpenRuns> {
  const db = await openDatabase(env, report);
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
