/**
 * What the server is told from outside, read once: where data and models lie, which database, store and engine. Every
 * variable has a default that needs nothing installed. Values that are secrets (DATABASE_URL, CONTIGUA_TOKEN, AWS keys)
 * never become part of an error: a refusal names the variable and what was expected.
 */
import { availableParallelism } from 'node:os';
import { basename, delimiter, resolve } from 'node:path';
import { z } from 'zod';
import { ContiguaError } from '../core/errors.ts';
import { NODE_ENGINES, type NodeEngine } from '../core/tensor/engine.ts';

export interface ModelRoot {
  /** First part of the ids of the models below it. */
  readonly name: string;
  /** Absolute. */
  readonly folder: string;
}

/** Keys and region come to the AWS SDK in its own variables (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, …). */
export interface S3Settings {
  readonly bucket: string;
  /** Null for Amazon's own. */
  readonly endpoint: string | null;
  /** Put before every key; empty, or ends with a slash. */
  readonly prefix: string;
  readonly region: string;
}

export interface ServerEnv {
  /** Absolute; created when it is first needed. */
  readonly dataFolder: string;
  /** Null for the embedded database in the data folder. */
  readonly databaseUrl: string | null;
  readonly modelRoots: readonly ModelRoot[];
  /** Addresses (`hf:…`, `https:…`) that this process may read models from, for runs of the terminal. None on a server. */
  readonly remoteModels?: readonly string[];
  /** Null for a folder of this machine. */
  readonly s3: S3Settings | null;
  /** What a caller from beyond this machine must show. */
  readonly token: string | null;
  readonly engine: NodeEngine;
  /** Intervals that this process trains at once; 0 takes no jobs here. */
  readonly slots: number;
  /** Numeric threads of each compute process. */
  readonly threads: number;
  /** Jobs that may wait for a worker, over all runs. */
  readonly queueLimit: number;
}

const SECRET_VARIABLES: ReadonlySet<string> = new Set(['DATABASE_URL', 'CONTIGUA_TOKEN']);

/** An empty variable is an unset one: that is how a container's settings file leaves it out. */
const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional());

const count = (low: number, high: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, 'a whole number')
    .transform(Number)
    .pipe(z.number().min(low, `a number from ${low} to ${high}`).max(high, `a number from ${low} to ${high}`));

/** Jobs that one process works on at once. */
export const MAX_SLOTS = 64;

const variables = z.object({
  CONTIGUA_DATA: optional(z.string()),
  DATABASE_URL: optional(z.string().regex(/^postgres(ql)?:\/\//, 'postgres://user:password@host:port/name')),
  CONTIGUA_MODELS: optional(z.string()),
  CONTIGUA_S3_BUCKET: optional(z.string()),
  CONTIGUA_S3_ENDPOINT: optional(z.url({ protocol: /^https?$/, error: 'an http or https address' })),
  CONTIGUA_S3_PREFIX: optional(z.string().regex(/^[A-Za-z0-9._/-]*$/, 'letters, digits and . _ - /')),
  AWS_REGION: optional(z.string()),
  CONTIGUA_TOKEN: optional(z.string().min(16, '16 characters or more')),
  CONTIGUA_ENGINE: optional(z.enum(NODE_ENGINES)),
  CONTIGUA_SLOTS: optional(count(0, MAX_SLOTS)),
  CONTIGUA_THREADS: optional(count(1, 1024)),
  CONTIGUA_QUEUE_LIMIT: optional(count(1, 1_000_000)),
});

/** Names of the variables that `readEnv` reads. */
export const ENV_VARIABLES: readonly string[] = Object.keys(variables.shape);

/** `bundledModels` is the root that is there where CONTIGUA_MODELS names none. */
export function readEnv(
  source: Readonly<Record<string, string | undefined>> = process.env,
  bundledModels: string = resolve('public', 'models'),
): ServerEnv {
  const parsed = variables.safeParse(source);
  if (!parsed.success) throw unreadable(parsed.error, source);
  const set = parsed.data;
  const slots = set.CONTIGUA_SLOTS ?? defaultSlots();
  return {
    dataFolder: resolve(set.CONTIGUA_DATA ?? '.contigua'),
    databaseUrl: set.DATABASE_URL ?? null,
    modelRoots: set.CONTIGUA_MODELS ? rootsOf(set.CONTIGUA_MODELS) : [{ name: 'bundled', folder: bundledModels }],
    s3: set.CONTIGUA_S3_BUCKET
      ? {
          bucket: set.CONTIGUA_S3_BUCKET,
          endpoint: set.CONTIGUA_S3_ENDPOINT ?? null,
          prefix: folderPrefix(set.CONTIGUA_S3_PREFIX ?? ''),
          region: set.AWS_REGION ?? 'us-east-1',
        }
      : null,
    token: set.CONTIGUA_TOKEN ?? null,
    engine: set.CONTIGUA_ENGINE ?? 'auto',
    slots,
    threads: set.CONTIGUA_THREADS ?? Math.max(1, Math.floor(availableParallelism() / Math.max(1, slots))),
    queueLimit: set.CONTIGUA_QUEUE_LIMIT ?? 1000,
  };
}

/** Two, where there are two cores: bench/train-step.ts shows what that gives. More memory than that is asked for by name. */
function defaultSlots(): number {
  return Math.min(2, availableParallelism());
}

/** `/models:/more` or `mine=/models`, separated as PATH is; a root without a name is called after its folder. */
function rootsOf(text: string): ModelRoot[] {
  const roots = text
    .split(delimiter)
    .filter((part) => part !== '')
    .map((part) => {
      const [, name, folder] = /^([A-Za-z0-9._-]+)=(.+)$/.exec(part) ?? [];
      const path = resolve(folder ?? part);
      return { name: name ?? basename(path), folder: path };
    });
  const names = new Set(roots.map(({ name }) => name));
  if (names.size === roots.length) return roots;
  throw new ContiguaError('settings-invalid', 'Two model roots have one name', {
    file: 'CONTIGUA_MODELS',
    found: roots.map(({ name }) => name).join(', '),
    hint: `Name them, as in first=/models${delimiter}second=/other/models.`,
  });
}

function folderPrefix(prefix: string): string {
  const plain = prefix.replace(/^\/+|\/+$/g, '');
  return plain === '' ? '' : `${plain}/`;
}

function unreadable(error: z.ZodError, source: Readonly<Record<string, string | undefined>>): ContiguaError {
  const issue = error.issues[0];
  const name = String(issue?.path[0] ?? 'environment');
  return new ContiguaError('settings-invalid', 'This environment variable is not readable', {
    file: name,
    found: SECRET_VARIABLES.has(name) ? 'something else' : `"${source[name] ?? ''}"`,
    expected: issue?.message,
  });
}
