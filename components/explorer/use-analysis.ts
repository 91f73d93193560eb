'use client';
/**
 * The analysis as the page's parts read it. Some fifty places read a report, and what follows a store by `useSyncExternalStore` always
 * renders in one task with all others: 60 ms of processor time for 24 blocks. A report that comes or changes is therefore taken in a
 * transition: React renders it in slices and shows it in all places at once. All else, progress and a report that goes with its model
 * included, is shown at once, as other stores are.
 */
import { startTransition, useEffect, useMemo, useState } from 'react';
import { type Analysed, type AnalysisState, analysisStore } from '@/lib/page/explorer/analysis-store.ts';

/** `select` must read nothing but the state, as it is not asked again when a component renders. */
export function useAnalysis<T>(select: (state: AnalysisState) => T): T {
  const [shown, setShown] = useState(() => ({ value: select(analysisStore.getState()) }));
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above
  useEffect(() => {
    const show = (value: T) => setShown((before) => (Object.is(before.value, value) ? before : { value }));
    // It may have changed between the first render and now.
    show(select(analysisStore.getState()));
    return analysisStore.subscribe((state, before) => {
      const value = select(state);
      if (Object.is(value, select(before))) return;
      if (state.report !== null && state.report !== before.report) startTransition(() => show(value));
      else show(value);
    });
  }, []);
  return shown.value;
}

/** The report that the page shows, with what it was measured on: for what a panel does of them. */
export function useAnalysed(): Analysed {
  const report = useAnalysis((state) => state.report);
  const measuredOn = useAnalysis((state) => state.measuredOn);
  return useMemo(() => ({ report, measuredOn }), [report, measuredOn]);
}
