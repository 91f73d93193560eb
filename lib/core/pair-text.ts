/**
 * Two numbers that a reader is to compare, with as many digits as show the gap between them. A rule that is decided by
 * thousandths cannot be checked on figures that round both sides to the same.
 */

const FEWEST_DECIMALS = 4;
/** Beyond so many, exponents read better. */
const MOST_DECIMALS = 6;
const MOST_DIGITS = 15;
/** The share of the gap that rounding may take away or add. */
const GAP_LOST = 0.25;

/** "0.0031" and "0.0062"; "0.000138" and "0.000140"; "1.38e−8" and "1.40e−8". With a true minus sign. */
export function pairText(a: number, b: number): readonly [string, string] {
  const showsGap = (text: (value: number) => string) =>
    Math.abs(Number(text(a)) - Number(text(b)) - (a - b)) <= GAP_LOST * Math.abs(a - b);
  for (let decimals = FEWEST_DECIMALS; decimals <= MOST_DECIMALS; decimals++) {
    const fixed = (value: number) => value.toFixed(decimals);
    if (showsGap(fixed)) return [signed(fixed(a)), signed(fixed(b))];
  }
  for (let digits = 1; digits < MOST_DIGITS; digits++) {
    const scientific = (value: number) => value.toExponential(digits);
    if (showsGap(scientific)) return [signed(scientific(a)), signed(scientific(b))];
  }
  return [signed(String(a)), signed(String(b))];
}

const signed = (text: string): string => text.replace('e+', 'e').replaceAll('-', '−');
