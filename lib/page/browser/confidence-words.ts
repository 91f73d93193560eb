/** Measured values with how sure they are, as the page writes them. Counts stay counts: 326 of 328, not 99 %. */
import { wilsonInterval } from '@/lib/core/wilson-interval.ts';

interface Interval {
  readonly low: number;
  readonly high: number;
}

/** "12.8–15.6 %", "0.31–0.4 %": two shares with as many decimals as tell them apart. */
export function shareRangeWords({ low, high }: Interval): string {
  const spread = (high - low) * 100;
  const digits = spread >= 10 ? 0 : spread >= 0.5 ? 1 : 2;
  return `${(low * 100).toFixed(digits)}–${(high * 100).toFixed(digits)} %`;
}

export interface Counted {
  readonly held: number;
  readonly total: number;
}

/** "326 of 328" */
export const countedWords = ({ held, total }: Counted): string => `${held} of ${total}`;

/** "97.8–99.8 %": Wilson's 95 % interval of a count. */
export const countedRangeWords = ({ held, total }: Counted): string => shareRangeWords(wilsonInterval(held, total));

/** "0.79 (0.61 to 0.90)": a rank correlation with the interval of its bootstrap. */
export function correlationWords({ rho, bounds }: { readonly rho: number; readonly bounds: Interval | null }): string {
  const two = (value: number) => value.toFixed(2).replace('-', '−');
  return bounds ? `${two(rho)} (${two(bounds.low)} to ${two(bounds.high)})` : two(rho);
}
