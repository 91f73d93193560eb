'use client';
/**
 * The centre column. Above: the charts over one block axis, whose width is measured once, so that strip and trajectories line up
 * exactly. Below: what tells how far to trust scores and choices; in a narrow window the plan comes between the two.
 */
import { lazy, Suspense } from 'react';
import { useWidth } from '@/components/charts';
import { CkaPanel } from './cka-panel';
import { NoisePanel } from './noise-panel';
import { StripPanel } from './strip-panel';
import { TrajectoriesPanel } from './trajectories-panel';
import { useAnalysis } from './use-analysis';
import { useDetectedHere } from './use-noise';

/** What lies below the charts and needs an analysis comes after the first load. */
const ScoresPanel = lazy(async () => ({ default: (await import('./scores-panel')).ScoresPanel }));
const PlansPanel = lazy(async () => ({ default: (await import('./plans-panel')).PlansPanel }));

export function Charts() {
  const [column, width] = useWidth<HTMLDivElement>();
  const detected = useDetectedHere();
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
      </div>
    </>
  );
}

/** How well each score orders what was measured, and the choices that were: side by side where there is room for both. */
export function Evidence() {
  const isAnalysed = useAnalysis(({ report }) => report !== null);
  if (!isAnalysed) return null;
  return (
    <Suspense>
      <div className="@container border-t border-line">
        <div className="grid grid-cols-1 divide-y divide-line @4xl:grid-cols-2 @4xl:divide-x @4xl:divide-y-0">
          <ScoresPanel />
          <PlansPanel />
        </div>
      </div>
    </Suspense>
  );
}
