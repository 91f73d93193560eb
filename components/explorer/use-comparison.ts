'use client';
/** Other analyses of the open model beside the one on the page, where they are shown. */
import { useMemo } from 'react';
import { useStore } from 'zustand';
import type { Agreement, OtherCurves } from '@/components/charts';
import { type Comparison, compareWith, countOf, curvesOf } from '@/lib/page/explorer/comparison.ts';
import { allOthers, othersStore } from '@/lib/page/explorer/others.ts';
import { useNoiseReading } from './use-noise';
import { useSetting } from './use-settings';

const NONE: readonly OtherCurves[] = [];

/** Null unless others are shown. */
export function useComparison(): Comparison | null {
  const here = useNoiseReading();
  const { shown, kept, files } = useStore(othersStore);
  const settings = useSetting('detection');
  const noise = useSetting('noise');
  return useMemo(
    () => (here && shown ? compareWith(here, allOthers({ kept, files }), settings, noise) : null),
    [here, shown, kept, files, settings, noise],
  );
}

/** Of the brackets on the strip; null where no other analysis can be read beside the one on the page. */
export function useAgreement(): Agreement | null {
  const comparison = useComparison();
  return useMemo(
    () =>
      comparison && comparison.count > 1
        ? { of: comparison.count, countOf: (interval) => countOf(comparison, interval) }
        : null,
    [comparison],
  );
}

/** The deciding stream's curves of each of them. */
export function useOtherCurves(): readonly OtherCurves[] {
  const comparison = useComparison();
  const read = useNoiseReading()?.settings ?? null;
  return useMemo(() => (comparison && read ? curvesOf(comparison, read) : NONE), [comparison, read]);
}
