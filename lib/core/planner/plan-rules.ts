/** What a plan may be made of, and what it has to leave alone: the user's rules, and what else is offered beside runs. */
import type { Edit, EditSet, RunReplacement, WidthEdit } from '../edit/index.ts';
import type { Bounds } from '../report/index.ts';

/** Runs of blocks, text-stream groups, FFNs, modulation matrices. */
export const PLANNED_KINDS = ['run', 'text', 'ffn', 'modulation'] as const;
export type PlannedKind = (typeof PLANNED_KINDS)[number];

export function kindOf({ on }: Edit): PlannedKind {
  return on === 'text-stream' ? 'text' : on;
}

/** An edit that makes blocks narrower, and the error that it alone leaves in the output; one without it is no candidate. */
export interface WidthOffer {
  readonly edit: WidthEdit;
  readonly outputError: number | null;
  /** The same weighted to early timesteps (`earlyWeighted`); null or absent where it was not measured by noise band. */
  readonly earlyError?: number | null | undefined;
  /** Of the output error; null or absent where they are not known. */
  readonly bounds?: Bounds | null | undefined;
}

export interface PlanRules {
  /** What stands in for runs of blocks. */
  readonly by: RunReplacement;
  readonly allow: readonly PlannedKind[];
  readonly locked: readonly number[];
  readonly forbidden: readonly number[];
  /** Of any kind; what makes blocks narrower has to be on offer. */
  readonly chosen: EditSet;
  /** What may be made narrower; of the kinds that are not allowed, what is chosen alone. */
  readonly offers?: readonly WidthOffer[];
}

export const FREE_RULES: PlanRules = { by: 'nothing', allow: ['run'], locked: [], forbidden: [], chosen: [] };
