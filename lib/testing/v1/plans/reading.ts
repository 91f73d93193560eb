/** What a plan means, as plain facts. Where the types of plans change, this file alone follows; the facts stay. */
import { formatIntervalParam, formatLayerIndex } from '../../../core/interval/index.ts';
import { parsePlan } from '../../../core/plan/index.ts';

export function planFacts(text: string, file: string) {
  return factsOf(parsePlan(text, file));
}

export function factsOf(plan: ReturnType<typeof parsePlan>) {
  const { model, replacement, intervals, blocks, parameters, blockMap, calibration, settings } = plan;
  return {
    createdWith: plan.createdWith,
    createdAt: plan.createdAt ?? null,
    model,
    /** What stands in for all but the first block of every interval. */
    replacement,
    intervals: intervals.map(({ first, last, cka, removedError }) => ({ first, last, cka, removedError })),
    blocks,
    parameters,
    /** By old block: its new number, or null where it goes. */
    newBlocks: blockMap.map((entry) => entry.new),
    fates: blockMap.map(({ fate }) => fate),
    calibration,
    settings,
    layerIndex: formatLayerIndex(intervals),
    link: formatIntervalParam(intervals),
  };
}
