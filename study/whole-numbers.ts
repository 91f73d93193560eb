/** Numbers of the study's command line. */
import { isInRange, type NumberRange, rangeWords } from '../lib/core/number-range.ts';

/** "2,4,6": all of them whole and in the range. Throws a `RangeError` that names the option. */
export function wholeNumbers(option: string, text: string, range: NumberRange): number[] {
  return text.split(',').map((part) => {
    const value = part.trim() === '' ? Number.NaN : Number(part);
    if (isInRange(value, { ...range, whole: true })) return value;
    throw new RangeError(`${option} takes whole numbers, ${rangeWords(range)}; found "${part}" in "${text}"`);
  });
}

export function wholeNumber(option: string, text: string, range: NumberRange): number {
  const [value = Number.NaN, ...more] = wholeNumbers(option, text, range);
  if (more.length === 0) return value;
  throw new RangeError(`${option} takes one whole number, ${rangeWords(range)}; found "${text}"`);
}
