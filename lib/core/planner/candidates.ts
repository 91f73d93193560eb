/**
 * What a planner chooses from: edits with what each saves and how much damage it is predicted to do. Both add up over the
 * edits of a plan. Plain data; `saves` is in whatever unit the budget is in (parameters, bytes, FLOPs).
 */
import { ContiguaError } from '../errors.ts';

interface Priced {
  /** Unique among all candidates. */
  readonly id: string;
  /** May be negative, for an edit that adds something. */
  readonly saves: number;
  /** What a span or a choice saves instead, beside a whole edit that saves with blocks, by its id. */
  readonly savesWith?: Readonly<Record<string, number>>;
  readonly damage: number;
}

/** An edit of consecutive blocks. No two on one track overlap; what is on different tracks goes together. */
export interface Span extends Priced {
  readonly track: string;
  /** Inclusive, as in `BlockInterval`. */
  readonly first: number;
  readonly last: number;
  /** The first of its blocks that is gone, so that no choice is left in it and those after it; null where all stay. */
  readonly closedFrom: number | null;
  /** The groups of choices that are closed there, where the blocks themselves stay; all of them, with the blocks gone, unless given. */
  readonly closes?: readonly string[];
  /** The groups of choices that are closed in its first block, where that stays. */
  readonly closesAtFirst?: readonly string[];
}

/** An edit within one block. At most one of each group and block is made, and none where a span closes the block. */
export interface Choice extends Priced {
  readonly block: number;
  readonly group: string;
  /** There only where a span closes this group of the same block. */
  readonly insteadOf?: string;
}

/** An edit of the whole model, at most one of each group. */
export interface Whole extends Priced {
  readonly group: string;
  /** What it saves besides with each block that stays [numBlocks]: a shared basis saves nothing with a block that is gone. */
  readonly savesPerBlock?: readonly number[];
}

export interface Problem {
  readonly numBlocks: number;
  readonly spans: readonly Span[];
  readonly choices: readonly Choice[];
  readonly wholes: readonly Whole[];
  /** Blocks that no span and no choice touches. */
  readonly locked?: readonly number[];
  /** Ids of candidates that no plan has. */
  readonly forbidden?: readonly string[];
  /** Ids of candidates that every plan has. */
  readonly chosen?: readonly string[];
}

/** The candidates that may be in a plan; those that every plan has leave no room for others beside them. */
export function allowedOf(problem: Problem): Pick<Problem, 'spans' | 'choices' | 'wholes'> {
  const { numBlocks } = problem;
  const all: readonly Priced[] = [...problem.spans, ...problem.choices, ...problem.wholes];
  const ids = new Set(all.map(({ id }) => id));
  if (ids.size < all.length) throw invalid('Two candidates have one id');
  for (const { id, saves, damage, savesWith = {} } of all) {
    if (!Number.isFinite(saves) || !Number.isFinite(damage) || !Object.values(savesWith).every(Number.isFinite)) {
      throw invalid('A candidate has no finite price', id, `saves ${saves}, damage ${damage}`, 'finite numbers');
    }
  }
  for (const { id, first, last, closedFrom } of problem.spans) {
    const isInside = first >= 0 && first <= last && last < numBlocks;
    const closesOwn = closedFrom === null || (closedFrom >= first && closedFrom <= last);
    if (!isInside || !closesOwn)
      throw invalid('A span lies outside the model', id, `${first}-${last}`, `0-${numBlocks - 1}`);
  }
  for (const { id, savesPerBlock } of problem.wholes) {
    if (savesPerBlock === undefined || (savesPerBlock.length === numBlocks && savesPerBlock.every(Number.isFinite)))
      continue;
    throw invalid('A candidate has no finite price for each block', id, `${savesPerBlock.length}`, `${numBlocks}`);
  }
  for (const { id, block } of problem.choices) {
    if (!(block >= 0 && block < numBlocks))
      throw invalid('A choice lies outside the model', id, String(block), `0-${numBlocks - 1}`);
  }
  const locked = new Set(problem.locked);
  const forbidden = new Set(problem.forbidden);
  const chosen = new Set(problem.chosen);
  for (const id of chosen) {
    if (!ids.has(id)) throw invalid('There is no such candidate to choose', id);
    if (forbidden.has(id)) throw invalid('A candidate is both chosen and forbidden', id);
  }
  const touchesLocked = (first: number, last: number) => [...locked].some((block) => block >= first && block <= last);
  const fixedSpans = problem.spans.filter(({ id }) => chosen.has(id));
  const fixedChoices = problem.choices.filter(({ id }) => chosen.has(id));
  const fixedWholes = problem.wholes.filter(({ id }) => chosen.has(id));

  const whyNotSpan = (span: Span): string | null => {
    if (touchesLocked(span.first, span.last)) return 'one of its blocks is locked';
    const other = fixedSpans.find(
      (one) => one !== span && one.track === span.track && one.first <= span.last && span.first <= one.last,
    );
    if (other) return `it overlaps ${other.id}, which is chosen`;
    const closed = fixedChoices.find((choice) => closes(span, choice));
    return closed ? `it leaves no room for ${closed.id}, which is chosen` : null;
  };
  const whyNotChoice = (choice: Choice): string | null => {
    if (locked.has(choice.block)) return 'its block is locked';
    const other = fixedChoices.find(
      (one) => one !== choice && one.block === choice.block && one.group === choice.group,
    );
    if (other) return `${other.id} is chosen in its place`;
    const span = fixedSpans.find((one) => closes(one, choice));
    if (span) return `${span.id}, which is chosen, leaves no room for it`;
    const isMissing = chosen.has(choice.id) && !isOpen(choice, null) && !fixedSpans.some((one) => isOpen(choice, one));
    return isMissing ? `no span that closes ${choice.insteadOf} is chosen` : null;
  };
  const whyNotWhole = (whole: Whole): string | null => {
    const other = fixedWholes.find((one) => one !== whole && one.group === whole.group);
    return other ? `${other.id} is chosen in its place` : null;
  };
  const among = <T extends Priced>(candidates: readonly T[], whyNot: (one: T) => string | null): T[] =>
    candidates.filter((one) => {
      if (forbidden.has(one.id)) return false;
      const reason = whyNot(one);
      if (reason !== null && chosen.has(one.id)) throw invalid('What is chosen cannot be in one plan', one.id, reason);
      return reason === null;
    });
  return {
    spans: among(problem.spans, whyNotSpan),
    choices: among(problem.choices, whyNotChoice),
    wholes: among(problem.wholes, whyNotWhole),
  };
}

export function closes(span: Span, { block, group }: Pick<Choice, 'block' | 'group'>): boolean {
  const { first, last, closedFrom } = span;
  if (block === first && span.closesAtFirst?.includes(group)) return true;
  return closedFrom !== null && block >= closedFrom && block <= last && (span.closes?.includes(group) ?? true);
}

/** Whether the choice can be made where no span, or this one, lies over its block. */
export function isOpen(choice: Choice, span: Span | null): boolean {
  const { block, insteadOf } = choice;
  if (insteadOf !== undefined && !(span && closes(span, { block, group: insteadOf }))) return false;
  return !(span && closes(span, choice));
}

/** The first of the span's blocks that is gone; the one after its last where all stay. */
export function goneFrom({ last, closedFrom, closes: groups }: Span): number {
  return closedFrom === null || groups !== undefined ? last + 1 : closedFrom;
}

function invalid(summary: string, tensor?: string, found?: string, expected?: string): ContiguaError {
  return new ContiguaError('plan-invalid', tensor === undefined ? summary : `${summary}: ${tensor}`, {
    found,
    expected,
  });
}
