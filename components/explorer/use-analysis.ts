'use client';
/** The analysis as the page's parts read it: another report is taken in a transition, progress at once. */
import { useMemo } from 'react';
import { type Analysed, type AnalysisState, analysisStore } from '@/lib/page/explorer/analysis-store.ts';
import { useSliced } from './use-sliced';

const hasOtherReport = (state: AnalysisState, before: AnalysisState): boolean => state.report !== before.report;

/** `select` must read nothing but the state. */
export const useAnalysis = <T>(select: (state: AnalysisState) => T): T =>
  useSliced(analysisStore, select, hasOtherReport);

/** The report that the page shows, with what it was measured on: for what a panel does of them. */
export function useAnalysed(): Analysed {
  const report = useAnalysis((state) => state.report);
  const measuredOn = useAnalysis((state) => state.measuredOn);
  return useMemo(() => ({ report, measuredOn }), [report, measuredOn]);
}
