'use client';
/** Measured ablation is asked for, which takes a part of a forward pass for everything that is taken out: how long that is, is said first. */
import type { ReactNode } from 'react';
import { useStore } from 'zustand';
import { Button } from '@/components/ui/button';
import { type Ablation, ablationsOf, ablationWork, unmeasured, WAYS_PER_READING } from '@/lib/core/detection/index.ts';
import { DEFAULT_RESIDENT_BYTES, residentBlocks } from '@/lib/core/model/config-index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { remainingWords } from '@/lib/page/browser/number-words.ts';
import { measureAblation } from '@/lib/page/explorer/ablations.ts';
import { busyStore } from '@/lib/page/explorer/compute.ts';
import { detectedIn } from '@/lib/page/explorer/detection.ts';
import { engineStore } from '@/lib/page/explorer/engine.ts';
import { wantedFile } from '@/lib/page/explorer/probe-source.ts';
import { lacksWeights } from '@/lib/page/explorer/traces.ts';
import { useAnalysis } from './use-analysis';
import { useModel } from './use-model';
import { useSetting } from './use-settings';

/** Whether anything can be measured now on what the report was measured on, and why not. */
export function useMeasurable(report: AnalysisReport): { readonly whyNot: string | null; readonly isBusy: boolean } {
  const measuredOn = useAnalysis((state) => state.measuredOn);
  const isWorking = useStore(busyStore, ({ tasks }) => tasks.length > 0);
  const isReady = useStore(engineStore, ({ status }) => status === 'ready');
  const missing = wantedFile(report, measuredOn);
  const noWeights = lacksWeights(useModel(({ summary }) => summary));
  const noFile = missing ? `Choose ${missing.name} again under Calibration first` : null;
  return { whyNot: noWeights ?? noFile, isBusy: isWorking || !isReady };
}

/** From then on the button itself says how long it takes. */
const LONG_MS = 2 * 60_000;

/** "Measure every interval of 2 to 5 blocks (41)"; what it says is left to measure, and about how long that takes. */
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
  const detection = useSetting('detection');
  const summary = useModel((state) => state.summary);
  const ablated = unmeasured(report, ablationsOf(which, report.model, detectedIn(report, detection)));
  const staying = summary ? residentBlocks(summary.blocks, DEFAULT_RESIDENT_BYTES) : 0;
  const isStreamed = summary !== null && staying < summary.numBlocks;
  const waysAtOnce = isStreamed ? WAYS_PER_READING : Number.POSITIVE_INFINITY;
  const { ways: left, turns, forwardMs } = ablationWork(ablated, msOf(report), waysAtOnce);
  const tookMs = forwardMs * (report.settings.damageSamples ?? 0);
  const readings = isStreamed && turns > 1 ? `, and the weights are read ${turns} times` : '';
  const takes = tookMs > 0 ? `About ${remainingWords(tookMs)} of forward passes${readings}` : undefined;
  return (
    <Button
      small
      disabled={left === 0 || isBusy || whyNot !== null}
      title={whyNot ?? takes}
      onClick={() => void measureAblation(which, report)}
    >
      {left === 0 ? 'Measured' : 'Measure'} {children}
      {left > 0 ? ` (${left}${tookMs >= LONG_MS ? `, about ${remainingWords(tookMs)}` : ''})` : ''}
    </Button>
  );
}

/** Of each block on one sample; none where blocks were not timed. */
function msOf({ blockMs }: AnalysisReport): readonly number[] {
  return blockMs.every((ms) => ms !== null) ? blockMs : [];
}
