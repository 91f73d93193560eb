'use client';
/** The charts over one block axis. The column is measured once, so that strip and trajectories line up exactly. */
import { useWidth } from '@/components/charts';
import { ChoicesPanel } from './choices-panel';
import { CkaPanel } from './cka-panel';
import { NoisePanel } from './noise-panel';
import { ScoresPanel } from './scores-panel';
import { StripPanel } from './strip-panel';
import { TrajectoriesPanel } from './trajectories-panel';
import { useDetectedHere } from './use-noise';

export function CentreColumn() {
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
        <ScoresPanel />
        <ChoicesPanel />
      </div>
    </>
  );
}
