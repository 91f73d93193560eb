/** "3.14 %" of a share; "n/a" where there is none. */
export function percentText(share: number | null): string {
  return share === null ? 'n/a' : `${(100 * share).toFixed(2)} %`;
}
