'use client';
/** The plans of the report on the page, and the measured choices that they are held against. */
import { useMemo } from 'react';
import { useStore } from 'zustand';
import { fitPrediction, type PredictionFit, predictedDamage } from '@/lib/core/planner/index.ts';
import { analysisStore } from '@/lib/page/explorer/analysis.ts';
import { choiceQualityStore, type MeasuredChoice, measuredChoices } from '@/lib/page/explorer/choice-quality.ts';
import { modelStore } from '@/lib/page/explorer/model.ts';
import { type Planned, plannedFor } from '@/lib/page/explorer/planned.ts';
import { plannerStore } from '@/lib/page/explorer/planner.ts';
import { settingsStore } from '@/lib/page/explorer/settings.ts';

/** Null before an analysis. */
export function usePlanned(): Planned | null {
  const summary = useStore(modelStore, (state) => state.summary);
  const report = useStore(analysisStore, (state) => state.report);
  const detection = useStore(settingsStore, (state) => state.detection);
  const replaceBy = useStore(settingsStore, (state) => state.replaceBy);
  const { kind, value, dtype, locked, forbidden, kept } = useStore(plannerStore);
  return useMemo(
    () =>
      summary && report
        ? plannedFor(summary, report, { detection, replaceBy }, { kind, value, dtype, locked, forbidden, kept })
        : null,
    [summary, report, detection, replaceBy, kind, value, dtype, locked, forbidden, kept],
  );
}

export function useMeasuredChoices(): readonly MeasuredChoice[] {
  const quality = useStore(choiceQualityStore);
  // Which choices are of the analysis on the page changes with it.
  const report = useStore(analysisStore, (state) => state.report);
  const measuredOn = useStore(analysisStore, (state) => state.measuredOn);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the report and its inputs are read by measuredChoices
  return useMemo(() => measuredChoices(quality), [quality, report, measuredOn]);
}

/** How well the prediction orders what was measured; null where there is no planner. */
export function usePredictionFit(planned: Planned | null, choices: readonly MeasuredChoice[]): PredictionFit | null {
  const prediction = planned?.planner?.prediction ?? null;
  return useMemo(() => {
    if (!prediction) return null;
    return fitPrediction(
      choices.flatMap(({ edits, damage }) => {
        const predicted = edits.length === 0 ? null : predictedDamage(prediction, edits);
        const measured = damage?.outputError ?? null;
        return predicted === null || measured === null ? [] : [{ predicted, measured }];
      }),
    );
  }, [prediction, choices]);
}
