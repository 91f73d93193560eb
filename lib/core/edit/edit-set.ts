/**
 * Edits from outside, checked against the model and against each other. What one edit takes away, no other may change: a removed
 * block has no feed-forward layers, and the text of a group's later blocks none either. Every refusal is a `plan-invalid`.
 */
import { ContiguaError } from '../errors.ts';
import { type BlockInterval, type Depth, formatIntervalKey, intervalAt, intervalSetOf } from '../interval/index.ts';
import {
  compareEdits,
  type Edit,
  type EditSet,
  editKey,
  type FfnEdit,
  type ModulationEdit,
  type RunEdit,
  type RunSet,
  runsOf,
  type TextStreamEdit,
  type WidthEdit,
} from './edit.ts';

/** What edits are checked against: a model's depth, and what its structure allows. */
export interface EditableModel extends Depth {
  /** D; a basis of modulations has at most as many vectors. Null where it is not known, as in a plan without its model. */
  readonly width: number | null;
  /** Id of the stream that `text-stream` edits hold back; null where it is not known or there is none. */
  readonly textStream: string | null;
  /** Streams whose feed-forward layers a block loses when a run makes it the last one. */
  readonly endsWithout?: readonly string[] | undefined;
  /** Why the model's structure does not allow the edit, in a sentence; null where it does. */
  whyNot(edit: WidthEdit): string | null;
}

/** In order of depth; throws on the first run that the model cannot have, or on two that share a block. */
export function runSetOf<E extends RunEdit>(edits: readonly E[], depth: Depth, where: string): readonly E[] {
  return intervalSetOf(edits, depth, where);
}

/** The runs, where there is nothing else; throws with what the rest is and what cannot do it: "Distillation". */
export function onlyRuns<E extends Edit>(
  edits: readonly E[],
  what: string,
  where: string,
): Extract<E, { readonly on: 'run' }>[] {
  const runs = runsOf(edits);
  const other = edits.find(({ on }) => on !== 'run');
  if (!other) return runs;
  throw clash(where, `${what} takes runs of blocks alone`, editKey(other), 'edits of runs');
}

/** In order of depth; throws on the first edit that the model cannot have, or on two that clash. */
export function editSetOf(edits: readonly Edit[], model: EditableModel, where: string): EditSet {
  const runs = runSetOf(runsOf(edits), model, where);
  const width = edits.filter((edit) => edit.on !== 'run');
  for (const edit of width) {
    checkPlace(edit, model, where);
    const reason = model.whyNot(edit);
    if (reason !== null) {
      throw clash(
        where,
        'The model cannot be edited in this way',
        editKey(edit),
        'an edit that its structure allows',
        reason,
      );
    }
  }
  const groups = groupSetOf(
    width.filter((edit) => edit.on === 'text-stream'),
    runs,
    model,
    where,
  );
  checkFfns(
    width.filter((edit) => edit.on === 'ffn'),
    runs,
    groups,
    model,
    where,
  );
  checkModulations(
    width.filter((edit) => edit.on === 'modulation'),
    runs,
    where,
  );
  return [...runs, ...width].sort(compareEdits);
}

function checkPlace(edit: WidthEdit, { numBlocks, width }: EditableModel, where: string): void {
  if (edit.on === 'text-stream') return;
  const blocks = edit.on === 'ffn' ? [edit.block] : edit.blocks === 'all' ? [] : edit.blocks;
  const outside = blocks.find((block) => !Number.isSafeInteger(block) || block < 0 || block >= numBlocks);
  const expected = `blocks 0 to ${numBlocks - 1}`;
  if (outside !== undefined) throw clash(where, 'The model has no such block', String(outside), expected);
  if (edit.on === 'ffn') return;
  const inOrder = blocks.every((block, i) => i === 0 || block > blocks[i - 1]!);
  if (!inOrder || (edit.blocks !== 'all' && blocks.length === 0)) {
    throw clash(
      where,
      "The modulation's blocks are not in order",
      editKey(edit),
      'one block or more, ascending, each once',
    );
  }
  if ('table' in edit.by) {
    const { table } = edit.by;
    if (table.length > 0 && table.every(Number.isFinite) && new Set(table).size === table.length) return;
    throw clash(
      where,
      'A table of modulations needs timesteps',
      table.join(' ') || 'none',
      'finite numbers, each once',
    );
  }
  const { rank } = edit.by;
  if (Number.isSafeInteger(rank) && rank >= 1 && (width === null || rank <= width)) return;
  throw clash(
    where,
    'Modulations cannot have this rank',
    String(rank),
    width === null ? 'a whole number from 1' : `1 to ${width}, the width of the model`,
  );
}

/** A run lies inside a group or outside it: its student is one of the group's blocks, or none of them. */
function groupSetOf(
  edits: readonly TextStreamEdit[],
  runs: RunSet,
  model: Depth,
  where: string,
): readonly TextStreamEdit[] {
  const groups = intervalSetOf(edits, model, where);
  for (const group of groups) {
    for (const run of runs) {
      const problem = groupProblem(group, run);
      if (!problem) continue;
      throw clash(
        where,
        `The text group ${formatIntervalKey(group)} and the run ${formatIntervalKey(run)} clash`,
        problem,
        'runs inside the group or outside it, with a block of it left',
      );
    }
    if (runs.some((run) => run.first === group.first && run.last === group.last)) {
      throw clash(
        where,
        `The text group ${formatIntervalKey(group)} is a run of its own`,
        'one block takes the place of the whole group, and no block is left that takes projected text',
        'the run, or the group',
      );
    }
  }
  return groups;
}

function groupProblem(group: BlockInterval, run: RunEdit): string | null {
  if (run.last < group.first || run.first > group.last) return null;
  if (run.first < group.first) return `block ${group.first}, the first of the group, goes with the run`;
  if (run.last > group.last) return `what replaces the run stands for blocks on both sides of the group's end`;
  if (run.by === 'linear') {
    return `the linear map of blocks ${run.first + 1} to ${run.last} updates the text, which the group holds`;
  }
  if (run.by === 'probes')
    return `the probes of blocks ${run.first + 1} to ${run.last} update the text, which the group holds`;
  return null;
}

function checkFfns(
  edits: readonly FfnEdit[],
  runs: RunSet,
  groups: readonly TextStreamEdit[],
  model: EditableModel,
  where: string,
): void {
  const seen = new Set<string>();
  for (const edit of edits) {
    const { block, stream } = edit;
    const key = editKey(edit);
    if (seen.has(key)) throw clash(where, 'A feed-forward layer is replaced twice', key, 'each once');
    seen.add(key);
    checkStays(block, runs, `The ${stream} feed-forward layers of block ${block}`, where);
    const taken = whatTakes(edit, runs, groups, model);
    if (taken === null) continue;
    throw clash(where, `Block ${block} has no ${stream} feed-forward layers`, taken, 'a block that has some');
  }
}

/** What leaves a block that stays no feed-forward layers of the stream, in a few words; null where nothing does. */
export function whatTakes(
  { block, stream }: FfnEdit,
  runs: RunSet,
  groups: readonly TextStreamEdit[],
  { textStream, endsWithout, numBlocks }: Depth & Pick<Partial<EditableModel>, 'textStream' | 'endsWithout'>,
): string | null {
  const group = stream === textStream ? intervalAt(groups, block) : null;
  if (group && group.first !== block)
    return `the text group ${formatIntervalKey(group)} removes the block’s text layers`;
  const run = intervalAt(runs, block);
  if (run?.last !== numBlocks - 1 || !endsWithout?.includes(stream)) return null;
  return `the run ${formatIntervalKey(run)} makes it the last block, which gives no ${stream}`;
}

function checkModulations(edits: readonly ModulationEdit[], runs: RunSet, where: string): void {
  const seen = new Map<number, ModulationEdit>();
  const [all] = edits.filter(({ blocks }) => blocks === 'all');
  const other = edits.find((edit) => edit !== all);
  if (all && other) throw twice(all, other, where);
  for (const edit of edits) {
    if (edit.blocks === 'all') continue;
    for (const block of edit.blocks) {
      const before = seen.get(block);
      if (before) throw twice(before, edit, where);
      seen.set(block, edit);
      checkStays(block, runs, `The modulation of block ${block}`, where);
    }
  }
}

function twice(a: ModulationEdit, b: ModulationEdit, where: string): ContiguaError {
  return clash(where, 'A modulation is replaced twice', `${editKey(a)} and ${editKey(b)}`, 'each block once');
}

/** A run's first block stays, or a student is there. */
function checkStays(block: number, runs: RunSet, whose: string, where: string): void {
  const run = intervalAt(runs, block);
  if (!run || run.first === block) return;
  throw clash(
    where,
    `${whose} cannot be replaced`,
    `the run ${formatIntervalKey(run)} takes the block away`,
    'a block that stays',
  );
}

function clash(where: string, summary: string, found: string, expected: string, hint?: string): ContiguaError {
  return new ContiguaError('plan-invalid', summary, { file: where, found, expected, ...(hint ? { hint } : {}) });
}
