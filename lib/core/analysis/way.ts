/** Ways through the depth, and what it takes to run one: the steps of a block in which it differs from the whole model. */
import { type BlockInterval, formatIntervalKey } from '../interval/index.ts';
import {
  disposeState,
  type NarrowBlock,
  narrowStep,
  type RouteStep,
  type State,
  type StreamProbes,
  type WeightSet,
} from '../model/index.ts';
import type { FittedMaps } from './fitted-maps.ts';
import type { Pace } from './pace.ts';

/** A block that linear maps make narrower. They are opened when it is reached, and freed after it. */
export interface NarrowedStep {
  readonly kind: 'narrowed';
  readonly step: RouteStep;
  readonly block: NarrowBlock;
  readonly open: () => Promise<WeightSet>;
}

/** What runs in a block's place: the map that spans `run` is looked up when the block is reached; null is nothing. */
export type WayStep = RouteStep | { readonly kind: 'fitted'; readonly run: BlockInterval } | NarrowedStep | null;
/** One step per block. */
export type Way = readonly WayStep[];

/** The maps that stand at `block` in the place of fitted steps, by the key of the run that each spans. */
export async function fittedAt(
  ways: readonly Way[],
  block: number,
  maps: FittedMaps,
  pace: Pace,
): Promise<ReadonlyMap<string, StreamProbes>> {
  const fitted = new Map<string, StreamProbes>();
  for (const { [block]: step } of ways) {
    if (step?.kind !== 'fitted') continue;
    const key = formatIntervalKey(step.run);
    if (!fitted.has(key)) fitted.set(key, await maps.across(step.run, pace));
  }
  return fitted;
}

/** What stands at `block` in the place of narrowed steps; their maps are on the engine until `dispose`. */
export interface OpenedSteps {
  readonly steps: ReadonlyMap<WayStep, RouteStep>;
  dispose(): void;
}

export async function openedAt(ways: readonly Way[], block: number): Promise<OpenedSteps> {
  const steps = new Map<WayStep, RouteStep>();
  const sets: WeightSet[] = [];
  const dispose = () => {
    for (const set of sets) set.dispose();
  };
  try {
    for (const { [block]: step } of ways) {
      if (step?.kind !== 'narrowed') continue;
      const set = await step.open();
      sets.push(set);
      steps.set(step, narrowStep(step.step, step.block, set));
    }
  } catch (thrown) {
    dispose();
    throw thrown;
  }
  return { steps, dispose };
}

/** What runs in the place of `step`; null is nothing. */
export function readyStep(
  step: WayStep,
  fitted: ReadonlyMap<string, StreamProbes>,
  opened: ReadonlyMap<WayStep, RouteStep>,
): RouteStep | null {
  if (step?.kind === 'fitted') return { kind: 'probe', probe: fitted.get(formatIntervalKey(step.run))! };
  return step?.kind === 'narrowed' ? opened.get(step)! : step;
}

/** The first block that it does not run as it is; their number where there is none. */
export function firstChange(steps: Way): number {
  const found = steps.findIndex((step) => step?.kind !== 'block' || step.carriesText);
  return found < 0 ? steps.length : found;
}

/** `next`, once `old` is freed. */
export function replaceState(old: State, next: State): State {
  disposeState(old);
  return next;
}
