/**
 * What could be made narrower, and in which order: every feed-forward layer of every stream, and groups of blocks whose text hardly
 * changes, as the rule finds them on the text stream alone.
 */
import { type FfnEdit, ffnEdit, type TextStreamEdit, textStreamEdit, type WidthEdit } from '../edit/index.ts';
import {
  architectureOf,
  editableModel,
  type ModelConfig,
  narrowerFacts,
  whyNone,
  whyNotAt,
} from '../model/config-index.ts';
import type { AnalysisReport, WidthDamage } from '../report/report.ts';
import { runsOf } from './ablation.ts';
import { detectIntervals } from './rule.ts';
import { DEFAULT_DETECTION } from './settings.ts';

export const WIDTH_CANDIDATES = ['text', 'text-all', 'ffn'] as const;
/**
 * `text`: groups that the default rule detects on the text stream; `text-all`: every group of 2 to `LONGEST_ABLATION` blocks; `ffn`:
 * the feed-forward layers of each block and stream.
 */
export type WidthCandidates = (typeof WIDTH_CANDIDATES)[number];

/** Those that the model's structure allows. */
export function widthCandidates(
  which: WidthCandidates,
  report: AnalysisReport,
  config: ModelConfig,
): readonly (TextStreamEdit | FfnEdit)[] {
  const model = editableModel(config);
  const isAllowed = (edit: WidthEdit) => model.whyNot(edit) === null;
  if (which === 'ffn') {
    const { blocks } = architectureOf(config);
    return blocks.flatMap(({ index, parts }) =>
      Object.keys(parts?.ffn ?? {})
        .filter((stream) => whyNotAt(config, index, 'ffn', stream) === null)
        .map((stream) => ffnEdit(index, stream)),
    );
  }
  const { textStream } = model;
  if (textStream === null) return [];
  const groups =
    which === 'text' ? detectIntervals(report, { ...DEFAULT_DETECTION, streams: textStream }) : runsOf(model);
  return groups.map(textStreamEdit).filter(isAllowed);
}

/** Why the model allows none of them, in a sentence; null where it allows some. */
export function whyNoCandidates(which: WidthCandidates, config: ModelConfig): string | null {
  const { anyFfn, text } = narrowerFacts(config);
  return whyNone(which === 'ffn' ? anyFfn : text);
}

/** Least damage to the output first; what overflows last. */
export function rankWidth(measured: readonly WidthDamage[]): WidthDamage[] {
  const errorOf = ({ outputError }: WidthDamage) => outputError ?? Number.POSITIVE_INFINITY;
  return measured.toSorted((a, b) => errorOf(a) - errorOf(b));
}

/**
 * The `count` text groups that share no block and whose damages, added in squares, are least; as many as there can be where that
 * is fewer. Found exactly, from the first block to the last.
 */
export function leastTextGroups(measured: readonly WidthDamage[], count: number): TextStreamEdit[] {
  const groups = measured.flatMap(({ edit, outputError }) =>
    edit.on === 'text-stream' && outputError !== null ? [{ edit, square: outputError ** 2 }] : [],
  );
  groups.sort((a, b) => a.edit.last - b.edit.last);
  interface Choice {
    readonly edits: readonly TextStreamEdit[];
    readonly squares: number;
  }
  const none: Choice = { edits: [], squares: 0 };
  /** By how many of the sorted groups may be taken, and by how many are. */
  const best: Choice[][] = [[none]];
  for (const [at, { edit, square }] of groups.entries()) {
    const row = [...best[at]!];
    const before = best[groups.findIndex((other) => other.edit.last >= edit.first)]!;
    for (const [taken, { edits, squares }] of before.entries()) {
      const known = row[taken + 1];
      if (taken === count || (known && known.squares <= squares + square)) continue;
      row[taken + 1] = { edits: [...edits, edit], squares: squares + square };
    }
    best.push(row);
  }
  return [
    ...best
      .at(-1)!
      .slice(0, count + 1)
      .at(-1)!.edits,
  ];
}

/** The feed-forward layers, of all streams, of the `count` blocks of least damage; damages of a block's streams add up in squares. */
export function leastFfns(measured: readonly WidthDamage[], count: number): FfnEdit[] {
  const byBlock = new Map<number, { readonly edits: FfnEdit[]; damage: number }>();
  for (const { edit, outputError } of measured) {
    if (edit.on !== 'ffn') continue;
    const block = byBlock.get(edit.block) ?? { edits: [], damage: 0 };
    block.edits.push(edit);
    block.damage = Math.hypot(block.damage, outputError ?? Number.POSITIVE_INFINITY);
    byBlock.set(edit.block, block);
  }
  return [...byBlock.values()]
    .sort((a, b) => a.damage - b.damage)
    .slice(0, count)
    .flatMap(({ edits }) => edits);
}
