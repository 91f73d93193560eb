/** The command line as typed values; whatever does not fit is a `usage` error that says what was expected. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { ContiguaError } from '../lib/core/errors.ts';
import { isInRange, type NumberRange, rangeWords } from '../lib/core/number-range.ts';
import type { Rows } from '../lib/core/report/index.ts';
import { NODE_ENGINES } from '../lib/core/tensor/engine.ts';

export type OptionSpec = NonNullable<ParseArgsConfig['options']>;
export interface Options {
  text(name: string): string | undefined;
  required(name: string): string;
  flag(name: string): boolean;
  number(name: string, fallback: number, range: NumberRange): number;
  oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T): T;
}

export interface Arguments extends Options {
  readonly model: string;
}

export const ENGINE_OPTION = { engine: { type: 'string' } } as const;
/** What `--engine` takes. */
export const ENGINES = NODE_ENGINES;
/** What `--rows` takes. */
export const ROWS = ['held-out', 'all'] as const satisfies readonly Rows[];
/** Inputs that an analysis makes where no others are asked for. */
export const CALIBRATION_DEFAULTS = { samples: 64, timesteps: 8, seed: 1 } as const;

export function parseArguments(command: string, argv: readonly string[], options: OptionSpec): Arguments {
  const { positionals, ...args } = parseOptions(command, argv, options);
  return { model: onlyOne(command, 'MODEL', positionals), ...args };
}

/** The one thing that a command is about, as in `contigua export RUN`. */
export function onlyOne(command: string, name: string, positionals: readonly string[]): string {
  const [only, ...surplus] = positionals;
  if (only !== undefined && surplus.length === 0) return only;
  throw usage(command, `One ${name} is needed`, positionals.length === 0 ? 'none' : positionals.join(' '));
}

export function parseOptions(
  command: string,
  argv: readonly string[],
  options: OptionSpec,
): Options & { readonly positionals: readonly string[] } {
  const { values, positionals } = parsed(command, argv, options);
  const text = (name: string) => {
    const value = values[name];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    positionals,
    text,
    flag: (name) => values[name] === true,
    required(name) {
      const value = text(name);
      if (!value) throw usage(command, `--${name} is needed`);
      return value;
    },
    number(name, fallback, range) {
      const value = text(name);
      if (value === undefined) return fallback;
      const number = Number(value);
      if (value.trim() !== '' && isInRange(number, range)) return number;
      const kind = range.whole ? 'a whole number' : 'a number';
      throw usage(command, `--${name} does not fit`, value, `${kind}, ${rangeWords(range)}`);
    },
    oneOf(name, allowed, fallback) {
      const value = text(name);
      if (value === undefined) return fallback;
      const found = allowed.find((one) => one === value);
      if (found !== undefined) return found;
      throw usage(command, `--${name} does not fit`, value, allowed.join(', '));
    },
  };
}

function parsed(command: string, argv: readonly string[], options: OptionSpec) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (thrown) {
    throw usage(command, thrown instanceof Error ? (thrown.message.split('. ')[0] ?? '') : String(thrown));
  }
}

export function usage(command: string, summary: string, found?: string, expected?: string): ContiguaError {
  return new ContiguaError('usage', summary, { found, expected, hint: `See \`contigua ${command} --help\`.` });
}
