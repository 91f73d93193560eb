'use client';
/** What stands before every number of the report that the settings no longer fit, or that was measured on seeded noise. */
import { useStore } from 'zustand';
import { analysisStore } from '@/lib/page/explorer/analysis.ts';
import { calibrationChanges, calibrationStore } from '@/lib/page/explorer/calibration.ts';

/** What of the calibration has changed since the report was measured: "samples 64 → 128". */
export function useCalibrationChanges(): readonly string[] {
  const measuredOn = useStore(analysisStore, (state) => (state.report ? state.measuredOn : null));
  const choice = useStore(calibrationStore);
  return measuredOn ? calibrationChanges(measuredOn, choice) : [];
}

export function useReportMark(): string {
  const calibration = useStore(analysisStore, (state) => state.report?.calibration ?? null);
  const changes = useCalibrationChanges();
  const outdated = changes.length > 0 ? `Outdated (${changes.join(', ')}). ` : '';
  return `${outdated}${calibration?.kind === 'synthetic' ? `${calibration.label}. ` : ''}`;
}
