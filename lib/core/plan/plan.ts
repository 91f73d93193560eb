/**
 * A chosen set of edits, what it makes of every block, and where it came from: the `plan.json` that users keep, share and
 * feed to the trainer. Pure data; no tensors. schema.ts checks it, upgrade-v1.ts and upgrade-v2.ts read what
 * earlier versions wrote, docs/plan-format.md explains it.
 */
import type { DetectionSettings } from '../detection/index.ts';
import type { RunEdit, WidthEdit } from '../edit/index.ts';
import type { DeclaredStack, StreamSpec } from '../model/config-index.ts';
import type { Bounds, CalibrationFacts, ReportSettings, SplitFacts } from '../report/index.ts';

export const PLAN_VERSION = 3;
/** Identity of the published JSON Schema (public/schema/plan-v3.schema.json). */
export const PLAN_SCHEMA_ID = 'urn:contigua:plan:v3';

export type PlannedRun = RunEdit & {
  /** The surrogate's similarity `cka(first, last)` under the plan's settings, or null where it was not measured. */
  readonly cka: number | null;
  /** Relative output error on held-out samples with the blocks removed and nothing in their place, or null where it was not measured. */
  readonly removedError: number | null;
  /** The same with what the edit puts in their place; null where it was not measured. */
  readonly outputError: number | null;
  /** Of `outputError`: a 95 % bootstrap over prompts; left out where none was drawn. */
  readonly outputErrorBounds?: Bounds;
  /** Share of the analysis' resamples of its prompts in which the rule detects this very run; left out where none were drawn. */
  readonly foundIn?: number;
};

export type PlannedWidthEdit = WidthEdit & {
  /** Error of the least-squares start on held-out samples, relative to what it stands for; null where none was fitted. */
  readonly fitError: number | null;
  /** Relative output error on held-out samples with the edit in place; null where it was not measured. */
  readonly outputError: number | null;
  /** Of `outputError`: a 95 % bootstrap over prompts; left out where none was drawn. */
  readonly outputErrorBounds?: Bounds;
};

export type PlannedEdit = PlannedRun | PlannedWidthEdit;

export type BlockFate = 'kept' | 'narrowed' | 'replaced' | 'removed';
export interface BlockMapEntry {
  readonly old: number;
  /** Index in the pruned model, or null when the block goes. */
  readonly new: number | null;
  /**
   * `kept`: untouched; `narrowed`: stays, with less in it; `replaced`: first of a run, stands for all of it, narrowed or not;
   * `removed`: the rest of a run.
   */
  readonly fate: BlockFate;
}

export interface BeforeAfter {
  readonly before: number;
  readonly after: number;
}

/** What all edits cost together. */
export interface ChoiceFigures {
  /**
   * From the `outputError` of each edit alone, the estimate until `outputError` is measured: the root of the sum of their
   * squares, and in plans of versions 1 and 2 their sum. Null where one of them was not measured.
   */
  readonly estimatedError: number | null;
  /** Relative output error on held-out samples with all edits in place; null where it was not measured, or the edited model overflows. */
  readonly outputError: number | null;
  /** Of `outputError`: a 95 % bootstrap over prompts; null where none was drawn. */
  readonly outputErrorBounds: Bounds | null;
  /** Null where no picture was drawn. */
  readonly facts: CountedFacts | null;
  /** What `outputError` was measured on; left out where that is the plan's `calibration`. */
  readonly measuredOn?: string;
}

/** Facts of held-out captions that a checker finds in the pictures that the edited model draws. */
export interface CountedFacts {
  readonly held: number;
  readonly total: number;
  /** Captions drawn, one picture each. */
  readonly pictures: number;
  /** Wilson's 95 % interval of `held` of `total`. */
  readonly bounds: Bounds;
}

/** How the similarities were measured and read. */
export interface PlanSettings extends DetectionSettings, ReportSettings {
  readonly split: SplitFacts;
}

/** A plan that takes blocks out and makes none narrower. */
export type RunPlan = Plan<PlannedRun>;

export interface Plan<E extends PlannedEdit = PlannedEdit> {
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
    readonly streams: readonly StreamSpec[];
    /** In the order in which they run; no run of blocks crosses from one into the next. */
    readonly stacks: readonly DeclaredStack[];
  };
  /** In order of depth, without clashes. */
  readonly edits: readonly E[];
  /** Left out where nothing is known of all edits together, as with students, which are measured by their run. */
  readonly choice?: ChoiceFigures;
  readonly blocks: BeforeAfter;
  /** Of the whole transformer; `after` counts the probes and linear maps that replace blocks. */
  readonly parameters: BeforeAfter;
  /** One entry per block of the whole model, in order. */
  readonly blockMap: readonly BlockMapEntry[];
  /** Null, as are the similarities, for a plan made without an analysis. */
  readonly calibration: CalibrationFacts | null;
  readonly settings: PlanSettings | null;
}
