'use client';
/** The kinds of edits that plans may hold; beside each that cannot be in one, the reason and what would change it. */
import { useMemo } from 'react';
import { useStore } from 'zustand';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { kindOf, PLANNED_KINDS, type PlannedKind, type WidthOffer, whyNoOffers } from '@/lib/core/planner/index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { leftToMeasure } from '@/lib/page/explorer/ablations.ts';
import { modulationsStore } from '@/lib/page/explorer/modulations.ts';
import { allowKind, plannerStore } from '@/lib/page/explorer/planner.ts';
import { reportProbes } from '@/lib/page/explorer/probe-source.ts';
import { whyNoRanks } from '@/lib/page/explorer/rank-offers.ts';
import { lacksWeights } from '@/lib/page/explorer/traces.ts';
import { MeasureButton } from './measure-button';
import { useAnalysis } from './use-analysis';

const LABELS: Readonly<Record<PlannedKind, string>> = {
  run: 'Intervals',
  text: 'Text groups',
  ffn: 'FFNs',
  modulation: 'Modulation ranks',
};
const UNMEASURED: Readonly<Record<Exclude<PlannedKind, 'run' | 'modulation'>, string>> = {
  text: 'text groups are not measured yet: “Measure”, under Narrower blocks',
  ffn: 'FFNs are not measured yet: “Measure”, under Narrower blocks',
};

interface PlanKindsProps {
  summary: ModelSummary;
  report: AnalysisReport;
  offers: readonly WidthOffer[];
}

export function PlanKinds({ summary, report, offers }: PlanKindsProps) {
  const allow = useStore(plannerStore, (state) => state.allow);
  const measuredOn = useAnalysis((state) => state.measuredOn);
  const modulations = useStore(modulationsStore);
  const kinds = useMemo(() => {
    const offered = new Set(offers.map(({ edit }) => kindOf(edit)));
    return PLANNED_KINDS.map((kind) => {
      if (kind === 'run' || offered.has(kind)) return { kind, reason: null };
      const why = whyNoOffers(kind, report, summary);
      // Of a model that allows them, what is missing is a measurement.
      if (why && why.hint === null) return { kind, reason: why.found };
      if (kind !== 'modulation') return { kind, reason: UNMEASURED[kind] };
      const inputs = reportProbes(report, measuredOn)?.name ?? null;
      return { kind, reason: lacksWeights(summary) ?? whyNoRanks(modulations, summary.fingerprint, inputs) };
    });
  }, [summary, report, offers, measuredOn, modulations]);
  // Output errors of narrower blocks add to those of intervals alone, which have to be measured first.
  const isMixed =
    allow.includes('run') &&
    kinds.some(({ kind, reason }) => kind !== 'run' && reason === null && allow.includes(kind));
  const lacksErrors = isMixed && leftToMeasure(report, 'linear') > 0 && leftToMeasure(report, 'intervals') > 0;
  const missing = kinds.filter(({ kind, reason }) => reason !== null && allow.includes(kind));
  return (
    <fieldset className="mb-2 max-w-xl text-xs">
      <legend className="sr-only">Plans may hold</legend>
      <div className="flex flex-wrap gap-x-4 gap-y-1">
        {kinds.map(({ kind, reason }) => (
          <label
            key={kind}
            className={`flex h-6 items-center gap-1.5 ${reason === null ? '' : 'text-muted'}`}
            title={reason ?? undefined}
          >
            <input
              type="checkbox"
              className="size-3.5 accent-accent"
              checked={allow.includes(kind)}
              onChange={(event) => allowKind(kind, event.target.checked)}
            />
            {LABELS[kind]}
          </label>
        ))}
      </div>
      {missing.map(({ kind, reason }) => (
        <p key={kind} className="mt-0.5 text-2xs text-muted">
          {LABELS[kind]}: {reason}
        </p>
      ))}
      {lacksErrors ? (
        <div className="mt-1 flex flex-wrap items-center gap-x-2 gap-y-1 text-2xs text-muted">
          <span>Beside intervals, plans add up output errors, which every short interval then needs.</span>
          <MeasureButton report={report} which="intervals">
            them
          </MeasureButton>
        </div>
      ) : null}
    </fieldset>
  );
}
