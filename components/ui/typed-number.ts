/** What a number field makes of the text in it: the number, or in a few words what may stand there. Pure. */
export interface NumberBounds {
  /** Both ends count, unless `open` leaves the lower one out. */
  readonly min: number;
  readonly max: number;
  readonly open?: boolean;
  /** Whole numbers alone. */
  readonly whole?: boolean;
}

export interface TypedNumber {
  /** Null where the text cannot be taken. */
  readonly value: number | null;
  readonly problem: string | null;
}

export function typedNumber(text: string, bounds: NumberBounds): TypedNumber {
  const { min, max, open = false, whole = false } = bounds;
  const number = text.trim() === '' ? Number.NaN : Number(text);
  const within = number <= max && (open ? number > min : number >= min);
  if (within && (!whole || Number.isInteger(number))) return { value: number, problem: null };
  const isKind = whole ? Number.isInteger(number) : Number.isFinite(number);
  const kind = isKind ? '' : whole ? 'a whole number, ' : 'a number, ';
  return { value: null, problem: kind + boundsWords(bounds) };
}

/** "8 to 1,024", "more than 0, at most 1" */
export function boundsWords({ min, max, open = false }: NumberBounds): string {
  return open
    ? `more than ${numberWords(min)}, at most ${numberWords(max)}`
    : `${numberWords(min)} to ${numberWords(max)}`;
}

const numberWords = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 8 });
