'use client';
/** Whether other analyses of the open model are shown beside the one on the page, and which ones. */
import { lazy, Suspense } from 'react';
import { Popover } from '@/components/ui/popover';
import { useAnalysis } from './use-analysis';
import { useComparison } from './use-comparison';

/** No part of the first load. */
const CompareOthers = lazy(async () => ({ default: (await import('./compare-others')).CompareOthers }));

export function ComparePopover() {
  const analysed = useAnalysis((state) => state.report !== null);
  const count = useComparison()?.count ?? 1;
  return (
    <Popover
      name="Compare analyses"
      label={count > 1 ? `Compared: ${count}` : 'Compare'}
      disabled={!analysed}
      buttonClass="inline-flex h-7 items-center rounded-md border border-line px-2 text-xs hover:bg-panel-2 disabled:opacity-45"
    >
      <Suspense>
        <CompareOthers />
      </Suspense>
    </Popover>
  );
}
