'use client';
/** What stands before every figure of a report that the settings no longer fit, or that was measured on the split of an earlier version. */
import { useStore } from 'zustand';
import { calibrationChanges, calibrationStore } from '@/lib/page/explorer/calibration.ts';
import { useAnalysis } from './use-analysis';

/** What of the calibration has changed since the report was measured: "samples 64 → 128". */
export function useCalibrationChanges(): readonly string[] {
  const measuredOn = useAnalysis((state) => (state.report ? state.measuredOn : null));
  const choice = useStore(calibrationStore);
  return measuredOn ? calibrationChanges(measuredOn, choice) : [];
}

export function useReportMark(): string {
  const earlier = useAnalysis((state) => state.report?.split.rule === 'golden-ratio');
  const changes = useCalibrationChanges();
  const outdated = changes.length > 0 ? `Outdated (${changes.join(', ')}). ` : '';
  return `${outdated}${earlier ? 'Held-out figures of an earlier split. ' : ''}`;
}

/** Says that the report was measured on seeded noise: once, over the first chart. */
export function useSyntheticMark(): string {
  const calibration = useAnalysis((state) => state.report?.calibration ?? null);
  return calibration?.kind === 'synthetic' ? `${calibration.label}. ` : '';
}
