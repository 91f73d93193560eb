'use client';
/** What every chart shares: the block axis' length, hover, choice and detection. Only charts subscribe to the hover. */
import { useCallback, useMemo } from 'react';
import { useStore } from 'zustand';
import type { LinkedChartProps } from '@/components/charts';
import { confidenceUnder, shareIn } from '@/lib/core/detection/index.ts';
import type { BlockInterval } from '@/lib/core/interval/index.ts';
import { detectedIn } from '@/lib/page/explorer/detection.ts';
import { hoverStore, setHover } from '@/lib/page/explorer/hover.ts';
import { chosenRuns } from '@/lib/page/explorer/selection.ts';
import { useAnalysis } from './use-analysis';
import { useModel, useSelection } from './use-model';
import { useSetting } from './use-settings';

const NONE: readonly BlockInterval[] = [];
const NO_STREAMS: LinkedChartProps['streams'] = [];

/** As the open model declares them; none before one is open. */
export const useStreams = (): LinkedChartProps['streams'] => useModel(({ summary }) => summary?.streams ?? NO_STREAMS);

/** Detected intervals under the present settings; none before any analysis. */
export function useDetected(): readonly BlockInterval[] {
  const streams = useAnalysis(({ report }) => report?.streams ?? null);
  const model = useAnalysis(({ report }) => report?.model ?? null);
  const settings = useSetting('detection');
  return useMemo(
    () => (streams && model ? detectedIn({ streams, model }, settings) : NONE),
    [streams, model, settings],
  );
}

/** In which share of the resamples an interval is detected under the present settings; null where nothing was resampled. */
export function useFoundIn(): (interval: BlockInterval) => number | null {
  const report = useAnalysis((state) => state.report);
  const settings = useSetting('detection');
  const found = useMemo(() => report && confidenceUnder(report, settings), [report, settings]);
  return useCallback((interval) => shareIn(found, interval), [found]);
}

export function useLinked(width: number, detected: readonly BlockInterval[]): LinkedChartProps {
  const hovered = useStore(hoverStore);
  const numBlocks = useSelection((state) => state.numBlocks);
  const selection = useSelection(chosenRuns);
  const stacks = useModel(({ summary }) => summary?.stacks);
  const streams = useStreams();
  const blocks = useModel(({ summary }) => summary?.blocks);
  const traits = useModel(({ summary }) => summary?.traits);
  return { width, numBlocks, stacks, streams, blocks, traits, hovered, onHover: setHover, selection, detected };
}
