/**
 * Measurements that the user asked for and that may take long: ablations, narrower blocks, shared modulations. The worker takes one call after
 * the other, so that all of them are stopped before it is asked for a model, an engine or an analysis. Results so far stay in the report.
 */

const underWay = new Set<AbortController>();

/** `end` has to be called once the measurement is over, stopped or not. */
export function beginMeasurement(): { readonly own: AbortController; end(): void } {
  const own = new AbortController();
  underWay.add(own);
  return { own, end: () => void underWay.delete(own) };
}

export function stopMeasurements(): void {
  for (const own of underWay) own.abort();
}
