/** Checked reads of a config's keys, shared by the families: each names the file, the key, what it found and what it expected. */
import { ContiguaError } from '../errors.ts';
import type { RawConfig } from './architecture.ts';

/** Of all stacks together; far above any real value, so that a hostile config cannot make us list a billion tensors. */
export const MAX_BLOCKS = 1024;
const MAX_SIZE = 2 ** 20;

/** A whole number of at least `minimum`; an absent or null key takes the class's default. */
export function wholeNumber(
  raw: RawConfig,
  key: string,
  byDefault: number,
  file: string,
  { minimum = 1, maximum = MAX_SIZE }: { readonly minimum?: number; readonly maximum?: number } = {},
): number {
  const value = raw[key] ?? byDefault;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= minimum && value <= maximum) return value;
  throw new ContiguaError('config-invalid', `\`${key}\` is not usable`, {
    file,
    found: JSON.stringify(value),
    expected: `a whole number from ${minimum} to ${maximum}`,
  });
}

/** `others` are the blocks of the model's other stacks. */
export function blockNumber(
  raw: RawConfig,
  key: string,
  byDefault: number,
  file: string,
  { minimum = 1, others = 0 }: { readonly minimum?: number; readonly others?: number } = {},
): number {
  return wholeNumber(raw, key, byDefault, file, { minimum, maximum: MAX_BLOCKS - others });
}

/** Rotary dimensions of as many axes as the default has, or of any number: even numbers that add up to the size of a head. */
export function ropeAxes(
  raw: RawConfig,
  byDefault: readonly number[],
  headDim: number,
  file: string,
  { anyNumber = false }: { readonly anyNumber?: boolean } = {},
): readonly number[] {
  const axes = raw.axes_dims_rope ?? byDefault;
  const count = byDefault.length;
  const isEven = (n: unknown): n is number => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0 && n % 2 === 0;
  const fits = Array.isArray(axes) && (anyNumber || axes.length === count) && axes.every(isEven);
  if (fits && axes.reduce((sum: number, n: number) => sum + n, 0) === headDim) return axes;
  throw new ContiguaError('config-invalid', '`axes_dims_rope` does not fit `attention_head_dim`', {
    file,
    found: JSON.stringify(axes),
    expected: `${anyNumber ? '' : `${['no', 'one', 'two', 'three', 'four'][count] ?? count} `}even numbers that add up to ${headDim}`,
  });
}

/** A switch that is on or off; an absent or null one takes the class's default. */
export function flag(raw: RawConfig, key: string, file: string, byDefault = false): boolean {
  const value = raw[key] ?? byDefault;
  if (typeof value === 'boolean') return value;
  throw new ContiguaError('config-invalid', `\`${key}\` is not usable`, {
    file,
    found: JSON.stringify(value),
    expected: 'true or false',
  });
}
