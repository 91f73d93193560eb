'use client';
/** The report as the charts read it: all timesteps together, or those of one noise level. */
import { useMemo } from 'react';
import type { BlockInterval } from '@/lib/core/interval/index.ts';
import { detectedIn } from '@/lib/page/explorer/detection.ts';
import { bandWords, type NoiseReading, readingOf } from '@/lib/page/explorer/noise.ts';
import { useAnalysis } from './use-analysis';
import { useSetting } from './use-settings';

/** Null before any analysis. */
export function useNoiseReading(): NoiseReading | null {
  const report = useAnalysis((state) => state.report);
  const settings = useSetting('detection');
  const noise = useSetting('noise');
  return useMemo(() => report && readingOf(report, settings, noise), [report, settings, noise]);
}

const NONE: readonly BlockInterval[] = [];

/** Detected at the noise level that the charts show; what the slider takes is detected on all timesteps together. */
export function useDetectedHere(): readonly BlockInterval[] {
  const reading = useNoiseReading();
  const streams = reading?.report.streams ?? null;
  const model = reading?.report.model ?? null;
  const settings = reading?.settings ?? null;
  return useMemo(
    () => (streams && model && settings ? detectedIn({ streams, model }, settings) : NONE),
    [streams, model, settings],
  );
}

/** Before the reading of a panel: "At early noise, timesteps 0.69 to 0.94: "; nothing where all are read together. */
export function bandMark(reading: NoiseReading | null): string {
  return reading?.band ? `At ${bandWords(reading.band)}: ` : '';
}
