'use client';
/** Says that the numbers on the page were measured earlier, on what, and how to measure them again. */
import { useStore } from 'zustand';
import { analysisStore } from '@/lib/client/analysis.ts';

export function RestoredNote() {
  const report = useStore(analysisStore, (state) => state.report);
  const restoredFrom = useStore(analysisStore, (state) => state.restoredFrom);
  const synthetic = report?.calibration.kind === 'synthetic';
  if (!report) return null;
  if (restoredFrom === null && !synthetic) return null;
  return (
    <div role="status" className="space-y-1 border-b border-line bg-panel-2 px-4 py-2 text-xs text-muted">
      {restoredFrom === null ? null : (
        <p>
          Restored analysis of{' '}
          {new Date(restoredFrom).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' })}:{' '}
          {report.calibration.label}, n = {report.calibration.tokens.image.toLocaleString('en-US')} image tokens, on{' '}
          {report.engine.name}. Press Analyse to measure again; probes for the preview come with it.
        </p>
      )}
      {synthetic ? (
        <p className="font-medium text-accent">
          {report.calibration.label}: measured on seeded noise, not on what the model sees in use.
        </p>
      ) : null}
    </div>
  );
}
