/**
 * A JSON file that a user hands in, checked against a schema. The first thing wrong becomes a ContiguaError that names the
 * file, the place in it, what is there and what should be.
 */
import type * as z from 'zod/mini';
import { ContiguaError, type ErrorCode } from '../errors.ts';
import { parseJson } from '../json-text.ts';

export interface JsonFileKind {
  readonly code: ErrorCode;
  /** "a plan.json of Contigua" */
  readonly expected: string;
  readonly hint: string;
  /** See MAX_JSON_BYTES. */
  readonly maxBytes: number;
}

/** How one `version` of a file is read. */
export interface JsonFileVersion<T> {
  readonly version: number;
  /** Checks the file as that version wrote it; throws on the first thing wrong. */
  read(value: unknown, check: CheckJson, file: string): T;
}
export type CheckJson = <S>(value: unknown, schema: z.ZodMiniType<S>) => S;

/** `versions` are all that can be read; the newest is the present one. */
export function parseJsonFile<T>(
  text: string,
  file: string,
  versions: readonly JsonFileVersion<T>[],
  kind: JsonFileKind,
): T {
  const { code, expected, hint, maxBytes } = kind;
  if (text.trim() === '')
    throw new ContiguaError(code, 'The file is empty', { file, found: '0 bytes', expected, hint });
  const value = parseJson(text, { file, code, notJson: 'The file is not JSON', expected, hint, maxBytes });
  const version = valueAt(value, ['version']);
  const newest = Math.max(...versions.map((one) => one.version));
  if (typeof version === 'number' && Number.isInteger(version) && version > newest) {
    throw new ContiguaError(code, 'The file was written by a newer Contigua', {
      file,
      found: `version ${version}`,
      expected: `version ${newest} or older`,
      hint: 'Update Contigua and open the file again.',
    });
  }
  if (version === undefined) {
    const found = `${shown(value)}, without a \`version\``;
    throw new ContiguaError(code, 'The file holds something else', { file, found, expected, hint });
  }
  const reader = versions.find((one) => one.version === version);
  if (reader === undefined) {
    const known = versions.map((one) => one.version).join(' or ');
    throw new ContiguaError(code, '`version` is wrong', { file, found: shown(version), expected: known, hint });
  }
  return reader.read(value, (part, schema) => checkedJson(part, schema, file, kind), file);
}

/** The value as the schema has it, or a ContiguaError that names the first thing wrong. */
export function checkedJson<S>(
  value: unknown,
  schema: z.ZodMiniType<S>,
  file: string,
  kind: Pick<JsonFileKind, 'code' | 'expected' | 'hint'>,
): S {
  const { code, expected, hint } = kind;
  const parsed = checked(value, schema);
  if (parsed === null) {
    const found = 'more than 100,000 wrong values';
    throw new ContiguaError(code, 'The file holds something else', { file, found, expected, hint });
  }
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue?.path ?? [];
  throw new ContiguaError(
    code,
    path.length === 0 ? 'The file holds something else' : `\`${pathText(path)}\` is wrong`,
    {
      file,
      found: shown(valueAt(value, path)),
      expected: issue === undefined || path.length === 0 ? expected : expectation(issue),
      hint,
    },
  );
}

/** Null where there are so many issues that zod, which passes them on as arguments, overflows the stack. */
function checked<T>(value: unknown, schema: z.ZodMiniType<T>): z.core.util.SafeParseResult<T> | null {
  try {
    return schema.safeParse(value);
  } catch (thrown) {
    if (thrown instanceof RangeError) return null;
    throw thrown;
  }
}

/** `intervals[2].first` */
function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
}

function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return issue.expected === 'int' ? 'a whole number' : issue.expected;
  if (issue.code === 'invalid_value') return issue.values.map((value) => JSON.stringify(value)).join(' or ');
  if (issue.code === 'too_small') return `at least ${issue.minimum}`;
  if (issue.code === 'too_big') return `at most ${issue.maximum}`;
  return issue.message;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key) ? Reflect.get(inner, key) : undefined,
    value,
  );
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
