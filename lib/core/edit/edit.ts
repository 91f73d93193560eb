/**
 * The one language for what is done to a model. The choice on the page, plans, previews, runs, the study, the protocol
 * and exports all speak it. Plain data: what an edit puts in place (probes, a student's weights) is found by its blocks.
 * Runs take blocks out; the other kinds make blocks narrower (PPCL's width-wise pruning, and its sequel for modulations).
 */
import { type BlockInterval, formatIntervalKey, removedBlocks } from '../interval/index.ts';
import { formatBlocks } from './blocks-text.ts';

/**
 * What stands in for a run of blocks. `nothing`: block `first` stays, blocks first+1..last go. `probes`: block `first`
 * stays, each of the others becomes its linear probe. `linear`: block `first` stays, one linear map, fitted from the state
 * after it to the state after block `last`, replaces the others. `student`: one trained block replaces the whole run.
 */
export type RunReplacement = 'nothing' | 'probes' | 'linear' | 'student';
export const RUN_REPLACEMENTS: readonly RunReplacement[] = ['nothing', 'probes', 'linear', 'student'];

/** A contiguous run of blocks and what stands in for it. */
export interface RunEdit extends BlockInterval {
  readonly on: 'run';
  readonly by: RunReplacement;
}

/**
 * A group of blocks whose text stream is updated once: block `first` runs whole, the others take its modulated text through a
 * linear projector each, and one more projector gives the text state after `last`.
 */
export interface TextStreamEdit extends BlockInterval {
  readonly on: 'text-stream';
  readonly by: 'projectors';
}

/** The feed-forward layers of one stream in one block, with norm, modulation and gate, as one linear residual map. */
export interface FfnEdit {
  readonly on: 'ffn';
  readonly block: number;
  /** Id of the stream. */
  readonly stream: string;
  readonly by: 'linear';
}

/**
 * The modulation matrices of blocks: through one basis of `rank` vectors that they share, or as their values at each of the
 * timesteps in `table`, in the unit of diffusers' `timestep`.
 */
export interface ModulationEdit {
  readonly on: 'modulation';
  /** Ascending; `all` is every block that stays. */
  readonly blocks: 'all' | readonly number[];
  readonly by: { readonly rank: number } | { readonly table: readonly number[] };
}

/** What makes blocks narrower and takes none out. */
export type WidthEdit = TextStreamEdit | FfnEdit | ModulationEdit;

/** Told apart by `on`. */
export type Edit = RunEdit | WidthEdit;
export type EditKind = Edit['on'];
/** In the order of a set, where edits begin at the same block. */
export const EDIT_KINDS: readonly EditKind[] = ['run', 'text-stream', 'ffn', 'modulation'];

/** In order of depth, without clashes: what `editSetOf` returns. */
export type EditSet = readonly Edit[];
/** In order of depth, disjoint, each inside one stack: what `runSetOf` returns. */
export type RunSet = readonly RunEdit[];

export const NO_EDITS: readonly never[] = [];

export function runEdit<By extends RunReplacement>(
  { first, last }: BlockInterval,
  by: By,
): RunEdit & { readonly by: By } {
  return { on: 'run', first, last, by };
}

/** The same replacement for every run. */
export function runEdits(intervals: readonly BlockInterval[], by: RunReplacement): RunSet {
  return intervals.map((interval) => runEdit(interval, by));
}

export function textStreamEdit({ first, last }: BlockInterval): TextStreamEdit {
  return { on: 'text-stream', first, last, by: 'projectors' };
}

export function ffnEdit(block: number, stream: string): FfnEdit {
  return { on: 'ffn', block, stream, by: 'linear' };
}

export function modulationEdit(by: ModulationEdit['by'], blocks: ModulationEdit['blocks'] = 'all'): ModulationEdit {
  return { on: 'modulation', blocks, by };
}

/** The runs among edits; what only understands runs says so with `onlyRuns` instead (edit-set.ts). */
export function runsOf<E extends { readonly on: EditKind }>(edits: readonly E[]): Extract<E, { readonly on: 'run' }>[] {
  return edits.filter((edit): edit is Extract<E, { readonly on: 'run' }> => edit.on === 'run');
}

/** Identifies an edit among the edits of one model: `3-5 student`, `13-14 text`, `2 image ffn`, `modulation rank 8`. */
export function editKey(edit: Edit): string {
  switch (edit.on) {
    case 'run':
      return `${formatIntervalKey(edit)} ${edit.by}`;
    case 'text-stream':
      return `${formatIntervalKey(edit)} text`;
    case 'ffn':
      return `${edit.block} ${edit.stream} ffn`;
    case 'modulation': {
      const { blocks, by } = edit;
      const way = 'rank' in by ? `rank ${by.rank}` : `table ${by.table.join(' ')}`;
      return `${blocks === 'all' ? '' : `${formatBlocks(blocks, ' ')} `}modulation ${way}`;
    }
    default:
      return edit satisfies never;
  }
}

export function sameEdit(a: Edit, b: Edit): boolean {
  return editKey(a) === editKey(b);
}

export function sameEdits(a: EditSet, b: EditSet): boolean {
  return a.length === b.length && a.every((edit, i) => sameEdit(edit, b[i]!));
}

/** Order of depth: by the first block that an edit touches, then by its last (an edit of all blocks begins at block 0). */
export function compareEdits(a: Edit, b: Edit): number {
  const [x, y] = [spanOf(a), spanOf(b)];
  if (x.first !== y.first) return x.first - y.first;
  if (a.on !== b.on) return EDIT_KINDS.indexOf(a.on) - EDIT_KINDS.indexOf(b.on);
  if (a.on === 'ffn' && b.on === 'ffn') return a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : 0;
  return x.last - y.last;
}

/** The first and the last block that an edit touches. */
export function spanOf(edit: Edit): BlockInterval {
  if (edit.on === 'run' || edit.on === 'text-stream') return edit;
  if (edit.on === 'ffn') return { first: edit.block, last: edit.block };
  if (edit.blocks === 'all') return { first: 0, last: Number.POSITIVE_INFINITY };
  return { first: edit.blocks[0] ?? 0, last: edit.blocks.at(-1) ?? 0 };
}

/**
 * The fitted map that runs in the place of `block`, named by the run that it spans: from the state after block `first` to the
 * state after block `last`. The probe of block k spans [k − 1, k]. Null where no map runs.
 */
export function mappedRunAt({ first, last, by }: RunEdit, block: number): BlockInterval | null {
  if (block <= first || block > last) return null;
  if (by === 'probes') return probedRun(block);
  return by === 'linear' && block === first + 1 ? { first, last } : null;
}

/** Blocks that width edits name, of those that stay, ascending: for marks. Those of a group are the ones that hold their text. */
export function narrowedBlocks(edits: EditSet, numBlocks: number): number[] {
  const removed = new Set(removedBlocks(runsOf(edits)));
  const named = new Set(
    edits.flatMap((edit) => {
      if (edit.on === 'run') return [];
      if (edit.on === 'modulation' && edit.blocks !== 'all') return edit.blocks;
      const { first, last } = spanOf(edit);
      const from = edit.on === 'text-stream' ? first + 1 : first;
      const to = Math.min(last, numBlocks - 1);
      return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
    }),
  );
  return [...named].filter((block) => !removed.has(block)).sort((a, b) => a - b);
}

/** The run that the probe of `block` spans. */
export function probedRun(block: number): BlockInterval {
  return { first: block - 1, last: block };
}

/** The runs that fitted maps span, in order of depth. */
export function mappedRuns(edits: EditSet): BlockInterval[] {
  return runsOf(edits).flatMap((edit) =>
    Array.from({ length: edit.last - edit.first }, (_, i) => mappedRunAt(edit, edit.first + 1 + i) ?? []).flat(),
  );
}

/** "removed", "probes", "linear", "student": one word for labels. */
export function replacementWord(by: RunReplacement): string {
  return by === 'nothing' ? 'removed' : by;
}
