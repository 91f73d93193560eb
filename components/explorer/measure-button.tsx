'use client';
/** Measured ablation is asked for: it takes a forward of the whole model for everything that is taken out. */
import type { ReactNode } from 'react';
import { useStore } from 'zustand';
import { Button } from '@/components/ui/button';
import type { Ablation } from '@/lib/core/detection/index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { leftToMeasure, measureAblation } from '@/lib/page/explorer/ablations.ts';
import { busyStore } from '@/lib/page/explorer/compute.ts';
import { engineStore } from '@/lib/page/explorer/engine.ts';
import { modelStore } from '@/lib/page/explorer/model.ts';
import { wantedFile } from '@/lib/page/explorer/probe-source.ts';
import { lacksWeights } from '@/lib/page/explorer/traces.ts';
import { useAnalysis } from './use-analysis';

/** Whether anything can be measured now on what the report was measured on, and why not. */
export function useMeasurable(report: AnalysisReport): { readonly whyNot: string | null; readonly isBusy: boolean } {
  const measuredOn = useAnalysis((state) => state.measuredOn);
  const isWorking = useStore(busyStore, ({ tasks }) => tasks.length > 0);
  const isReady = useStore(engineStore, ({ status }) => status === 'ready');
  const missing = wantedFile(report, measuredOn);
  const noWeights = lacksWeights(useStore(modelStore, ({ summary }) => summary));
  const noFile = missing ? `Choose ${missing.name} again under Calibration first` : null;
  return { whyNot: noWeights ?? noFile, isBusy: isWorking || !isReady };
}

/** "Measure every interval of 2 to 5 blocks (41)"; what it says is left to measure. */
export function MeasureButton({
  report,
  which,
  children,
}: {
  report: AnalysisReport;
  which: Ablation;
  children: ReactNode;
}) {
  const { whyNot, isBusy } = useMeasurable(report);
  const left = leftToMeasure(report, which);
  return (
    <Button
      small
      disabled={left === 0 || isBusy || whyNot !== null}
      title={whyNot ?? undefined}
      onClick={() => void measureAblation(which, report)}
    >
      {left === 0 ? 'Measured' : 'Measure'} {children}
      {left > 0 ? ` (${left})` : ''}
    </Button>
  );
}
