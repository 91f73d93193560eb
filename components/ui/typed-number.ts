/** What a number field makes of the text in it: the number, or in a few words what may stand there. Pure. */
import { isInRange, type NumberRange, rangeWords } from '@/lib/core/number-range.ts';

export interface TypedNumber {
  /** Null where the text cannot be taken. */
  readonly value: number | null;
  readonly problem: string | null;
}

export function typedNumber(text: string, range: NumberRange): TypedNumber {
  const number = text.trim() === '' ? Number.NaN : Number(text);
  if (isInRange(number, range)) return { value: number, problem: null };
  const isKind = range.whole ? Number.isInteger(number) : Number.isFinite(number);
  const kind = isKind ? '' : range.whole ? 'a whole number, ' : 'a number, ';
  return { value: null, problem: kind + rangeWords(range) };
}
