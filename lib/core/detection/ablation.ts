/**
 * What to take out of a model to measure how much it needs it, and what a report says about it. Measured ablation is the
 * reference that predicted scores are held against. A block alone is the run of it and the block before it, by nothing; the
 * first block of a stack, which no run takes out, is measured as a part.
 */
import { type RunEdit, runEdit } from '../edit/edit.ts';
import type { BlockInterval, Depth } from '../interval/interval.ts';
import { containsInterval, stackAround } from '../interval/interval-set.ts';
import { BLOCK_HALVES } from '../model/config-index.ts';
import { type AnalysisReport, damageOf, type EditDamage, type PartDamage, partDamageOf } from '../report/report.ts';

export const ABLATIONS = ['blocks', 'parts', 'intervals', 'linear'] as const;
/**
 * `blocks`: each block; `parts`: attention and feed-forward of each; `intervals`: each run of 2 to `LONGEST_ABLATION` blocks;
 * `linear`: each of these runs, and each detected interval, with a linear map in place of its later blocks.
 */
export type Ablation = (typeof ABLATIONS)[number];
/** Blocks of the longest run that is measured: their number grows with it, and long runs leave little to rank. */
export const LONGEST_ABLATION = 5;

export type NamedPart = Pick<PartDamage, 'block' | 'part'>;
export interface Ablated {
  readonly edits: readonly RunEdit[];
  readonly parts: readonly NamedPart[];
}

/** `detected` intervals may be longer than the runs that are measured otherwise; the default score ranks them as well. */
export function ablationsOf(which: Ablation, depth: Depth, detected: readonly BlockInterval[] = []): Ablated {
  const blocks = Array.from({ length: depth.numBlocks }, (_, block) => block);
  if (which === 'intervals' || which === 'linear') {
    const runs = runsOf(depth);
    if (which === 'intervals') return { edits: runs.map((run) => runEdit(run, 'nothing')), parts: [] };
    const longer = detected.filter((one) => !containsInterval(runs, one));
    return { edits: [...runs, ...longer].map((run) => runEdit(run, 'linear')), parts: [] };
  }
  if (which === 'parts')
    return { edits: [], parts: blocks.flatMap((block) => BLOCK_HALVES.map((part) => ({ block, part }))) };
  const firsts = blocks.filter((block) => stackAround(block, depth).first === block);
  return {
    edits: blocks.filter((block) => !firsts.includes(block)).map(aloneOf),
    parts: firsts.map((block) => ({ block, part: 'block' })),
  };
}

/** What of it the report does not say yet. */
export function unmeasured(report: Pick<AnalysisReport, 'damage' | 'parts'>, { edits, parts }: Ablated): Ablated {
  return {
    edits: edits.filter((edit) => !damageOf(report, edit)),
    parts: parts.filter(({ block, part }) => !partDamageOf(report, block, part)),
  };
}

/** What was measured with the block left out; undefined where it was not. */
export function blockAblation(
  report: Pick<AnalysisReport, 'damage' | 'parts'>,
  block: number,
): Omit<EditDamage, 'edit'> | undefined {
  return partDamageOf(report, block, 'block') ?? (block > 0 ? damageOf(report, aloneOf(block)) : undefined);
}

/** The run that takes out `block` alone. */
function aloneOf(block: number): RunEdit {
  return runEdit({ first: block - 1, last: block }, 'nothing');
}

/** Every contiguous run of 2 to `longest` blocks of one stack, short ones first. */
export function runsOf(depth: Depth, longest: number = LONGEST_ABLATION): BlockInterval[] {
  const runs: BlockInterval[] = [];
  for (let length = 2; length <= longest; length++) {
    for (let first = 0; first < depth.numBlocks; first++) {
      const last = first + length - 1;
      if (last <= stackAround(first, depth).last) runs.push({ first, last });
    }
  }
  return runs;
}
