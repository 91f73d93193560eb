/**
 * The database as the rest of the server sees it: SQL in, parsed rows out, and transactions. PGlite in a folder and a
 * PostgreSQL server answer the same SQL, so there is one implementation of everything above this file. A database that
 * does not answer is the error `database-unreachable`, which callers may outlast; any other failure is a defect.
 */
import type { Db as QueueDatabase } from 'pg-boss';
import type { z } from 'zod';
import { storableText } from '../storable.ts';

export type SqlValue = string | number | boolean | Date | null | readonly string[] | readonly number[];

export interface Queryable {
  /** Rows, each parsed; an unexpected row is a defect and throws. */
  rows<T>(schema: z.ZodType<T>, sql: string, values?: readonly SqlValue[]): Promise<T[]>;
  /** How many rows an insert, update or delete touched. */
  change(sql: string, values?: readonly SqlValue[]): Promise<number>;
  /** Statements of pg-boss, inside the same transaction where this is one. */
  readonly forQueue: QueueDatabase;
}

export interface Database extends Queryable {
  /** "PGlite in /data/database", "PostgreSQL at host:5432/name": without secrets. */
  readonly where: string;
  /** True where this process is the only one there can be. */
  readonly embedded: boolean;
  /** All or nothing; what `work` throws undoes it and is thrown on. */
  transaction<T>(work: (transaction: Queryable) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** The one row, or undefined. */
export async function firstRow<T>(
  db: Queryable,
  schema: z.ZodType<T>,
  sql: string,
  values?: readonly SqlValue[],
): Promise<T | undefined> {
  return (await db.rows(schema, sql, values))[0];
}

/** For a column of type jsonb, with the parameter written `$1::text::jsonb`: drivers differ in what they make of arrays. */
export function json(value: unknown): string {
  return JSON.stringify(value, (_, inner) => (typeof inner === 'string' ? storableText(inner) : inner));
}

/** As a driver takes them. Text that the database cannot hold is mended: requests that have it were refused before. */
export function sqlValues(values: readonly SqlValue[]): SqlValue[] {
  return values.map((value) => (typeof value === 'string' ? storableText(value) : value));
}
