'use client';
/** What stands before every number of the report that the settings no longer fit, that was measured on seeded noise, or on the split of an earlier version. */
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
  const earlier = useStore(analysisStore, (state) => state.report?.split.rule === 'golden-ratio');
  const changes = useCalibrationChanges();
  const outdated = changes.length > 0 ? `Outdated (${changes.join(', ')}). ` : '';
  const noise = calibration?.kind === 'synthetic' ? `${calibration.label}. ` : '';
  return `${outdated}${noise}${earlier ? 'Held-out figures of an earlier split. ' : ''}`;
}
