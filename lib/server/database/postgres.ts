/**
 * PostgreSQL through node-postgres, one pool per process. A connection that breaks is dropped from the pool and its
 * statement fails with `database-unreachable`; whether a commit under way took place is then unknown, which is why
 * everything that is tried again is idempotent (see runs/attempt.ts). The password stays out of every message.
 */
import pg from 'pg';
import type { z } from 'zod';
import { ContiguaError } from '../../core/errors.ts';
import { type Database, type Queryable, type SqlValue, sqlValues } from './database.ts';

const MAX_CONNECTIONS = 10;
const CONNECT_TIMEOUT_MS = 5_000;
/** Longer than any statement here takes; what hangs on a half-open connection ends. */
const STATEMENT_TIMEOUT_MS = 30_000;

export function openPostgres(url: string): Database {
  const where = `PostgreSQL at ${addressOf(url)}`;
  const pool = new pg.Pool({
    connectionString: url,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'contigua',
  });
  // An idle connection broke: the pool has dropped it, and the next statement opens another or fails by itself.
  pool.on('error', () => {});

  const rejecting = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (thrown) {
      throw isConnectionLoss(thrown) ? unreachable(where, thrown) : thrown;
    }
  };

  return {
    where,
    embedded: false,
    ...queryable((sql, values) => rejecting(() => pool.query(sql, values))),
    transaction: (work) => rejecting(() => inTransaction(pool, work)),
    close: () => pool.end(),
  };
}

async function inTransaction<T>(pool: pg.Pool, work: (transaction: Queryable) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  const onError = (error: Error) => {
    broken = error;
  };
  client.on('error', onError);
  try {
    await client.query('begin');
    const result = await work(queryable((sql, values) => client.query(sql, values)));
    await client.query('commit');
    return result;
  } catch (thrown) {
    // A connection in an unknown state is closed instead of handed to the next caller.
    await client.query('rollback').catch((error: Error) => {
      broken ??= error;
    });
    throw thrown;
  } finally {
    client.removeListener('error', onError);
    client.release(broken);
  }
}

type Ask = (sql: string, values: SqlValue[] | undefined) => Promise<pg.QueryResult>;

function queryable(ask: Ask): Queryable {
  return {
    async rows<T>(schema: z.ZodType<T>, sql: string, values?: readonly SqlValue[]) {
      const { rows } = await ask(sql, values && sqlValues(values));
      return rows.map((row) => schema.parse(row));
    },
    change: async (sql, values) => (await ask(sql, values && sqlValues(values))).rowCount ?? 0,
    forQueue: { executeSql: async (sql, values) => await ask(sql, values as SqlValue[] | undefined) },
  };
}

/** host:port/name of a connection string. */
function addressOf(url: string): string {
  try {
    const { hostname, port, pathname, searchParams } = new URL(url);
    return `${hostname || searchParams.get('host') || 'localhost'}:${port || 5432}${pathname}`;
  } catch {
    return 'an address that is not readable';
  }
}

/** SQLSTATE classes 08 (connection) and 57P0x (the server ends), and what the sockets and the driver itself say. */
function isConnectionLoss(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
  if (/^(08...|57P0[0-9]|25P03|53300)$/.test(code)) return true;
  if (/^(ECONN\w+|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ENOENT)$/.test(code)) return true;
  if (thrown instanceof AggregateError) return thrown.errors.some(isConnectionLoss);
  return /connection (terminated|timeout|ended|error)|not queryable|timeout exceeded|query read timeout|in recovery mode/i.test(
    thrown.message,
  );
}

function unreachable(where: string, thrown: unknown): ContiguaError {
  const message = thrown instanceof AggregateError ? String(thrown.errors[0]) : String(thrown);
  return new ContiguaError('database-unreachable', `${where} does not answer`, {
    found: message.replace(/\/\/[^@/\s]*@/g, '//'),
    hint: 'Everything acknowledged is kept, and work continues when the database is back. If it was never reachable, check DATABASE_URL.',
  });
}
