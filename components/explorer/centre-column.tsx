'use client';
/** The charts over one block axis. The column is measured once, so that strip and trajectories line up exactly. */
import { lazy, Suspense } from 'react';
import { useStore } from 'zustand';
import { useWidth } from '@/components/charts';
import { analysisStore } from '@/lib/page/explorer/analysis.ts';
import { CkaPanel } from './cka-panel';
import { NoisePanel } from './noise-panel';
import { StripPanel } from './strip-panel';
import { TrajectoriesPanel } from './trajectories-panel';
import { useDetectedHere } from './use-noise';

/** What lies below the charts and needs an analysis comes after the first load. */
const ScoresPanel = lazy(async () => ({ default: (await import('./scores-panel')).ScoresPanel }));
const ChoicesPanel = lazy(async () => ({ default: (await import('./choices-panel')).ChoicesPanel }));

export function CentreColumn() {
  const [column, width] = useWidth<HTMLDivElement>();
  const detected = useDetectedHere();
  const isAnalysed = useStore(analysisStore, ({ report }) => report !== null);
  return (
    <>
      {/* Measures the width inside the panels' padding. */}
      <div className="px-4" aria-hidden="true">
        <div ref={column} className="h-0" />
      </div>
      <div className="divide-y divide-line">
        <StripPanel width={width} detected={detected} />
        <NoisePanel width={width} />
        <CkaPanel width={width} detected={detected} />
        <TrajectoriesPanel width={width} detected={detected} />
        {isAnalysed && (
          <Suspense>
            <ScoresPanel />
            <ChoicesPanel />
          </Suspense>
        )}
      </div>
    </>
  );
}
