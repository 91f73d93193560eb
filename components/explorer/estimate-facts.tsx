'use client';
/** What an analysis will take, for the settings as they are: any change takes it off the page. */
import { useStore } from 'zustand';
import { Fact } from '@/components/ui/fact';
import type { AnyEstimate } from '@/lib/compute/protocol.ts';
import { keepsStates, presentEstimate } from '@/lib/page/explorer/analysis.ts';
import { limitsStore } from '@/lib/page/explorer/analysis-limits.ts';
import { calibrationStore } from '@/lib/page/explorer/calibration.ts';
import { estimateFacts } from '@/lib/page/explorer/running-analysis.ts';
import { useAnalysis } from './use-analysis';
import { useModel } from './use-model';

export function usePresentEstimate(): AnyEstimate | null {
  useAnalysis((state) => state.estimated);
  useStore(calibrationStore);
  useStore(limitsStore);
  useModel((state) => state.summary);
  return presentEstimate();
}

export function EstimateFacts({ estimate }: { estimate: AnyEstimate }) {
  const inStorage = useModel(({ summary }) => summary !== null && keepsStates(summary));
  return (
    <dl aria-label="Estimate" className="mt-2 text-xs">
      {estimateFacts(estimate, inStorage).map((fact) => (
        <Fact key={fact.name} {...fact} />
      ))}
    </dl>
  );
}
