'use client';
/** Measured ablation is asked for: it takes a forward of the whole model for everything that is taken out. */
import type { ReactNode } from 'react';
import { useStore } from 'zustand';
import { Button } from '@/components/ui/button';
import type { Ablation } from '@/lib/core/detection/index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { leftToMeasure, measureAblation } from '@/lib/page/explorer/ablations.ts';
import { analysisStore } from '@/lib/page/explorer/analysis.ts';
import { busyStore } from '@/lib/page/explorer/compute.ts';
import { engineStore } from '@/lib/page/explorer/engine.ts';
import { modelStore } from '@/lib/page/explorer/model.ts';
import { wantedFile } from '@/lib/page/explorer/probe-source.ts';
import { lacksWeights } from '@/lib/page/explorer/traces.ts';

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
  const measuredOn = useStore(analysisStore, (state) => state.measuredOn);
  const busy = useStore(busyStore, ({ tasks }) => tasks.length > 0);
  const isReady = useStore(engineStore, ({ status }) => status === 'ready');
  const missing = wantedFile(report, measuredOn);
  const noWeights = lacksWeights(useStore(modelStore, ({ summary }) => summary));
  const left = leftToMeasure(report, which);
  return (
    <Button
      small
      disabled={left === 0 || busy || !isReady || missing !== null || noWeights !== null}
      title={noWeights ?? (missing ? `Choose ${missing.name} again under Calibration first` : undefined)}
      onClick={() => void measureAblation(which)}
    >
      {left === 0 ? 'Measured' : 'Measure'} {children}
      {left > 0 ? ` (${left})` : ''}
    </Button>
  );
}
