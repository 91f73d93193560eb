'use client';
/** The plans of the report on the page, and the measured choices that they are held against. */
import { useMemo } from 'react';
import { useStore } from 'zustand';
import type { EditSet } from '@/lib/core/edit/index.ts';
import {
  fitMeasured,
  type PlanScales,
  type PredictionFit,
  type WidthOffer,
  widthOffers,
} from '@/lib/core/planner/index.ts';
import { background } from '@/lib/page/explorer/background/index.ts';
import { choiceQualityStore, measuredChoices } from '@/lib/page/explorer/choice-quality.ts';
import type { MeasuredChoice } from '@/lib/page/explorer/measured-choice.ts';
import { modulationsStore } from '@/lib/page/explorer/modulations.ts';
import { partRead } from '@/lib/page/explorer/part-read.ts';
import { type PlanAnswer, type PlanSubject, scalesOf } from '@/lib/page/explorer/plan-subject.ts';
import { plannerStore } from '@/lib/page/explorer/planner.ts';
import { reportProbes } from '@/lib/page/explorer/probe-source.ts';
import { rankOffers, ranksAmong } from '@/lib/page/explorer/rank-offers.ts';
import { settingsStore } from '@/lib/page/explorer/settings.ts';
import type { PointScales } from './plan-points';
import { useAnalysed, useAnalysis } from './use-analysis';
import { useBackground } from './use-background';
import { useModel } from './use-model';
import { useSetting } from './use-settings';

const NO_OFFERS: readonly WidthOffer[] = [];

/** What makes blocks narrower and was measured on the inputs of the analysis, each alone; ranks as offered, and those of `also`. */
export function useOffers(also: readonly EditSet[]): readonly WidthOffer[] {
  const summary = useModel((state) => state.summary);
  const report = useAnalysis((state) => state.report);
  const measuredOn = useAnalysis((state) => state.measuredOn);
  const modulations = useStore(modulationsStore);
  const { found, measured } = modulations;
  const others = ranksAmong(also).join(' ');
  return useMemo(() => {
    if (!summary || !report) return NO_OFFERS;
    const inputs = reportProbes(report, measuredOn)?.name ?? null;
    const isOfModel = found?.model === summary.fingerprint;
    const alsoRanks = others === '' ? [] : others.split(' ').map(Number);
    const ranks = isOfModel ? rankOffers({ found, measured }, summary.width, report.bands, inputs, alsoRanks) : [];
    const offers = [...widthOffers(report), ...ranks];
    return offers.length === 0 ? NO_OFFERS : offers;
  }, [summary, report, measuredOn, found, measured, others]);
}

/** An answer of the planner, with the scales that it is told in. */
export interface Planned extends PlanAnswer {
  /** Null where there is no plan. */
  readonly scales: PlanScales | null;
  /** Whether it answers an earlier question, because that of now is still being solved. */
  readonly isEarlier: boolean;
}

/** Null before an analysis, and until its first plans are solved. */
export function usePlanned(offers: readonly WidthOffer[]): Planned | null {
  const model = useModel((state) => state.summary);
  const report = useAnalysis((state) => state.report);
  const detection = useSetting('detection');
  const replaceBy = useStore(settingsStore, (state) => state.replaceBy);
  const { kind, value, dtype, allow, locked, forbidden, kept } = useStore(plannerStore);
  const subject = useMemo<PlanSubject | null>(() => {
    if (!model || !report) return null;
    const asked = { kind, dtype, allow, offers, locked, forbidden, kept };
    return { model, report: partRead(report, detection), read: { detection, replaceBy }, asked };
  }, [model, report, detection, replaceBy, kind, dtype, allow, offers, locked, forbidden, kept]);
  const question = useMemo(() => subject && { subject, value }, [subject, value]);
  const solved = useBackground(question, askPlan);
  const planned = solved && solved.answer.least !== null ? solved.question.subject : null;
  const scales = useMemo(() => planned && scalesOf(planned), [planned]);
  return useMemo(() => {
    if (!solved || solved.question.subject.model !== subject?.model) return null;
    return { ...solved.answer, scales, isEarlier: solved.question !== question };
  }, [solved, scales, subject, question]);
}

const askPlan = ({ subject, value }: { readonly subject: PlanSubject; readonly value: string }) =>
  background.plan(subject, value);

export function useMeasuredChoices(): readonly MeasuredChoice[] {
  const quality = useStore(choiceQualityStore);
  const analysed = useAnalysed();
  return useMemo(() => measuredChoices(quality, analysed), [quality, analysed]);
}

/** How well the prediction orders what was measured; null where there is no prediction. */
export function predictionFit(
  scales: Pick<PointScales, 'prediction' | 'predictedOf'>,
  choices: readonly MeasuredChoice[],
): PredictionFit | null {
  if (!scales.prediction) return null;
  return fitMeasured(
    scales,
    choices.map(({ edits, damage }) => ({ edits, outputError: damage?.outputError ?? null })),
  );
}
