'use client';
/** Placeholder until figures land in this tree. */
import type { BlockInterval } from '@/lib/core/interval/index.ts';

export type ChartName = 'strip' | 'cka' | 'trajectories';

export function ChartDownload(_: { chart: ChartName; detected: readonly BlockInterval[] }) {
  return null;
}
