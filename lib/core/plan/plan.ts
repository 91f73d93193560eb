/**
 * A chosen set of intervals, what it makes of every block, and where it came from: the `plan.json` that users keep,
 * share and feed to the trainer. Pure data; no tensors.
 */
import type { BlockInterval } from '../interval/interval.ts';

export const PLAN_VERSION = 1;

/** What stands in for blocks first+1..last: nothing, or their probes (a distilled student comes with a later version). */
export type Replacement = 'removed' | 'probes';

export interface PlannedInterval extends BlockInterval {
  /** The surrogate's similarity `cka(first, last)` under the plan's settings, or null where it was not measured. */
  readonly cka: number | null;
  /** Relative output error on held-out samples with the blocks removed, or null where it was not measured. */
  readonly removedError: number | null;
}

export type BlockFate = 'kept' | 'replaced' | 'removed';
export interface BlockMapEntry {
  readonly old: number;
  /** Index in the pruned model, or null when the block goes. */
  readonly new: number | null;
  /** `kept`: untouched; `replaced`: first of an interval, stands for all of it; `removed`: the rest of an interval. */
  readonly fate: BlockFate;
}
