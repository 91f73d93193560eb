/**
 * The one language for what is done to a model. The choice on the page, plans, previews, runs, the study, the protocol
 * and exports all speak it. Plain data: what an edit puts in place (probes, a student's weights) is found by its run.
 */
import { type BlockInterval, formatIntervalKey } from '../interval/index.ts';

/**
 * What stands in for a run of blocks. `nothing`: block `first` stays, blocks first+1..last go. `probes`: block `first`
 * stays, each of the others becomes its linear probe. `student`: one trained block takes the place of the whole run.
 */
export type RunReplacement = 'nothing' | 'probes' | 'student';
export const RUN_REPLACEMENTS: readonly RunReplacement[] = ['nothing', 'probes', 'student'];

/** A contiguous run of blocks and what stands in for it. */
export interface RunEdit extends BlockInterval {
  readonly on: 'run';
  readonly by: RunReplacement;
}

/** Told apart by `on`. */
export type Edit = RunEdit;

/** In order of depth, disjoint, each inside one stack: what `editSetOf` returns. */
export type EditSet = readonly Edit[];

export const NO_EDITS: EditSet = [];

export function runEdit({ first, last }: BlockInterval, by: RunReplacement): RunEdit {
  return { on: 'run', first, last, by };
}

/** The same replacement for every run. */
export function runEdits(intervals: readonly BlockInterval[], by: RunReplacement): EditSet {
  return intervals.map((interval) => runEdit(interval, by));
}

/** Identifies an edit among the edits of one model: `3-5 student`. */
export function editKey(edit: Edit): string {
  return `${formatIntervalKey(edit)} ${edit.by}`;
}

export function sameEdit(a: Edit, b: Edit): boolean {
  return a.on === b.on && a.first === b.first && a.last === b.last && a.by === b.by;
}

export function sameEdits(a: EditSet, b: EditSet): boolean {
  return a.length === b.length && a.every((edit, i) => sameEdit(edit, b[i]!));
}

/** Blocks whose place a probe takes, ascending. */
export function probedBlocks(edits: EditSet): number[] {
  return edits.flatMap(({ first, last, by }) =>
    by === 'probes' ? Array.from({ length: last - first }, (_, i) => first + 1 + i) : [],
  );
}

/** "removed", "probes", "student": one word for labels. */
export function replacementWord(by: RunReplacement): string {
  return by === 'nothing' ? 'removed' : by;
}
