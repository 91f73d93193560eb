/**
 * A share of a few hundred resamples, as every place writes it: whole per cent, but neither all of them nor none where that
 * is not so. Page, charts and terminal say the same of one interval.
 */

/** "94 %"; "99.5 %" of 199 in 200, "0.5 %" of one. */
export function shareText(share: number): string {
  const percent = 100 * share;
  const isNearEnd = (percent > 0 && percent < 1) || (percent > 99 && percent < 100);
  return `${percent.toFixed(isNearEnd ? 1 : 0)} %`;
}
