/**
 * The numbers that a setting may be, and the words that say so. Server, command line and form check against the same
 * range, so that what one of them takes the others take too.
 */
export interface NumberRange {
  readonly min: number;
  /** Infinity where there is no upper end. */
  readonly max: number;
  /** The lower end is not in the range. */
  readonly aboveMin?: boolean;
  /** The upper end is not in the range. */
  readonly belowMax?: boolean;
  /** Whole numbers only. */
  readonly whole?: boolean;
}

export function isInRange(value: number, { min, max, aboveMin, belowMax, whole }: NumberRange): boolean {
  const low = aboveMin ? value > min : value >= min;
  const high = belowMax ? value < max : value <= max;
  return low && high && (whole ? Number.isSafeInteger(value) : Number.isFinite(value));
}

/** "8 to 1,024", "more than 0, at most 1", "0 or more, less than 1", "1 or more" */
export function rangeWords({ min, max, aboveMin = false, belowMax = false }: NumberRange): string {
  const low = aboveMin ? `more than ${words(min)}` : `${words(min)} or more`;
  if (max === Number.POSITIVE_INFINITY) return low;
  if (!aboveMin && !belowMax) return `${words(min)} to ${words(max)}`;
  return `${low}, ${belowMax ? 'less than' : 'at most'} ${words(max)}`;
}

const words = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 8 });
