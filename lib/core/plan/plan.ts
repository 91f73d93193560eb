/**
 * A chosen set of intervals, what it makes of every block, and where it came from: the `plan.json` that users keep,
 * share and feed to the trainer. Pure data; no tensors. schema.ts checks it, docs/plan-format.md explains it.
 */
import type { DetectionSettings } from '../detection/index.ts';
import type { BlockInterval, Replacement } from '../interval/index.ts';
import type { CalibrationFacts } from '../report/index.ts';

export const PLAN_VERSION = 1;
/** Identity of the published JSON Schema (public/schema/plan-v1.schema.json). */
export const PLAN_SCHEMA_ID = 'urn:contigua:plan:v1';

export type { Replacement };
/** What a plan's removed blocks are replaced by. `students`: the first block of each interval is a trained one, for all of it. */
export type PlanReplacement = Replacement | 'students';

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

export interface BeforeAfter {
  readonly before: number;
  readonly after: number;
}

/** How the similarities were measured and read. */
export interface PlanSettings extends DetectionSettings {
  readonly ridge: number;
  readonly heldOutShare: number;
}

export interface Plan {
  readonly $schema: typeof PLAN_SCHEMA_ID;
  readonly version: typeof PLAN_VERSION;
  /** "contigua 0.1.0" */
  readonly createdWith: string;
  /** ISO 8601; left out where the same choice must give the same bytes. */
  readonly createdAt?: string;
  readonly model: {
    readonly name: string;
    readonly fingerprint: string;
    readonly className: string;
    readonly family: string;
    readonly numBlocks: number;
    /** First blocks of every stack but the first; left out where all blocks are one stack. */
    readonly seams?: readonly number[];
  };
  readonly replacement: PlanReplacement;
  /** In order of depth, disjoint. */
  readonly intervals: readonly PlannedInterval[];
  readonly blocks: BeforeAfter;
  /** Of the whole transformer; `after` counts the probes where they stand in. */
  readonly parameters: BeforeAfter;
  /** One entry per block of the whole model, in order. */
  readonly blockMap: readonly BlockMapEntry[];
  /** Null, as are the similarities, for a plan made without an analysis. */
  readonly calibration: CalibrationFacts | null;
  readonly settings: PlanSettings | null;
}
