/**
 * How sure a share is that was counted: Wilson's score interval (E. B. Wilson, JASA 22, 1927), which stays inside 0 … 1 and
 * holds near its ends, where the normal approximation gives nothing: 328 of 328 is not certainty.
 */

/** 97.5 % quantile of the standard normal distribution. */
const Z = 1.959963984540054;

/** 95 % interval of `held` of `total`; the whole range where nothing was counted. */
export function wilsonInterval(held: number, total: number): { readonly low: number; readonly high: number } {
  if (total === 0) return { low: 0, high: 1 };
  const share = held / total;
  const scale = 1 + Z ** 2 / total;
  const centre = (share + Z ** 2 / (2 * total)) / scale;
  const half = (Z / scale) * Math.sqrt((share * (1 - share)) / total + Z ** 2 / (4 * total ** 2));
  return { low: held === 0 ? 0 : centre - half, high: held === total ? 1 : centre + half };
}
