/**
 * A problem as ways through a graph: every way from node 0 to the last node is one possible plan, and every plan is one
 * way. Nodes come in an order in which no edge leads back. Depth is walked once for each track, one track after the other;
 * the choices of a block are made on the way through the track whose spans close blocks.
 */
import { allowedOf, type Choice, goneFrom, isOpen, type Problem, type Span, type Whole } from './candidates.ts';

export interface Edge {
  readonly to: number;
  readonly saves: number;
  readonly damage: number;
  /** Of the candidate that is done here; null for nothing. */
  readonly id: string | null;
}

/** Edges by the node that they leave. The last node has none. */
export type Graph = readonly (readonly Edge[])[];

const NOTHING = { saves: 0, damage: 0, id: null } as const;

export function graphOf(problem: Problem): Graph {
  const { spans, choices, wholes } = allowedOf(problem);
  const chosen = new Set(problem.chosen);
  const closing = new Set(spans.filter(({ closedFrom }) => closedFrom !== null).map(({ track }) => track));
  if (closing.size > 1) throw new RangeError('Spans of one track alone may close blocks');
  const [main = ''] = closing;
  const tracks = [...new Set(spans.map(({ track }) => track))].filter((track) => track !== main);
  const spansAt = grouped(spans, ({ track, first }) => `${track} ${first}`);
  const choicesAt = grouped(choices, ({ block }) => block);
  const nodes: Edge[][] = [];
  const node = () => nodes.push([]) - 1;

  /** Steps from `from` on, one for each group of alternatives; returns where they end. */
  const through = (
    from: number,
    groups: Iterable<readonly (Choice | Whole)[]>,
    beside: Whole | null = null,
  ): number => {
    let at = from;
    for (const group of groups) {
      const next = node();
      for (const one of alternatives(group)) nodes[at]!.push({ ...(one ? priceOf(one, beside) : NOTHING), to: next });
      at = next;
    }
    return at;
  };
  /** Null is none of them. */
  const alternatives = <T extends Choice | Whole>(group: readonly T[]): readonly (T | null)[] => {
    const fixed = group.find(({ id }) => chosen.has(id));
    return fixed ? [fixed] : [null, ...group];
  };
  const groupsAt = (block: number, span: Span | null) =>
    byGroup((choicesAt.get(block) ?? []).filter((choice) => isOpen(choice, span)));
  /** What is left to choose over the span's blocks, or in a block without a span; the same beside every whole edit. */
  const openOver = memoised((span: Span) => openGroups(span, groupsAt));
  const openAlone = memoised((block: number) => groupsAt(block, null));

  /** Along one track, from `start` on, beside a whole edit that saves with each block that stays. */
  const walk = (track: string, start: number, hasChoices: boolean, beside: Whole | null): number => {
    const perBlock = beside?.savesPerBlock ?? null;
    const fixed = spans.filter(({ id, track: own }) => own === track && chosen.has(id));
    const kept = (first: number, last: number) =>
      perBlock ? perBlock.slice(first, last + 1).reduce((sum, one) => sum + one, 0) : 0;
    /** Edges that lead to a block whose node is not made yet. */
    const waiting: { readonly from: number; readonly edge: Omit<Edge, 'to'> }[][] = [];
    const leadTo = (block: number, from: number, edge: Omit<Edge, 'to'>) => {
      waiting[block] ??= [];
      waiting[block].push({ from, edge });
    };
    for (let block = 0; ; block++) {
      const at = block === 0 ? start : node();
      for (const { from, edge } of waiting[block] ?? []) nodes[from]!.push({ ...edge, to: at });
      if (block === problem.numBlocks) return at;
      // Spans that leave the same to choose in their first block, and nothing in later ones, lead on from where that is chosen.
      const begun = new Map<string, number>();
      const after = (groups: readonly (readonly Choice[])[]): number => {
        const key = groups.flatMap((group) => group.map(({ id }) => id)).join('\n');
        const end = begun.get(key) ?? through(at, groups, beside);
        begun.set(key, end);
        return end;
      };
      for (const span of spansAt.get(`${track} ${block}`) ?? []) {
        const price = priceOf(span, beside);
        const edge = { ...price, saves: price.saves + kept(span.first, goneFrom(span) - 1) };
        const open = hasChoices ? openOver(span) : [];
        if (open.every((group) => group.every((choice) => choice.block === block))) {
          leadTo(span.last + 1, after(open), edge);
          continue;
        }
        const inside = node();
        nodes[at]!.push({ ...edge, to: inside });
        leadTo(span.last + 1, through(inside, open, beside), NOTHING);
      }
      // Other spans that overlap one that is chosen are left out already.
      if (fixed.some(({ first }) => first === block)) continue;
      leadTo(
        block + 1,
        after(hasChoices ? openAlone(block) : []),
        perBlock ? { ...NOTHING, saves: perBlock[block]! } : NOTHING,
      );
    }
  };

  const inBlocks = wholes.filter(({ savesPerBlock }) => savesPerBlock !== undefined);
  const [ofBlocks = [], ...further] = byGroup(wholes).filter((group) => group.some((one) => inBlocks.includes(one)));
  if (further.length > 0) throw new RangeError('Edits of one group alone may save with each block that stays');
  // What they save depends on the blocks that stay, so that each has a walk of its own.
  let start = node();
  if (ofBlocks.length === 0) start = walk(main, start, true, null);
  else {
    const ends = alternatives(ofBlocks).map((whole) => {
      const head = node();
      nodes[start]!.push({ ...(whole ? priceOf(whole) : NOTHING), to: head });
      return walk(main, head, true, whole);
    });
    start = node();
    for (const end of ends) nodes[end]!.push({ ...NOTHING, to: start });
  }
  for (const track of tracks) start = walk(track, start, false, null);
  through(
    start,
    byGroup(wholes).filter((group) => group !== ofBlocks && !group.some((one) => inBlocks.includes(one))),
  );
  return nodes;
}

/** What is left to choose within a span. */
function openGroups(
  span: Span,
  groupsAt: (block: number, span: Span) => readonly (readonly Choice[])[],
): (readonly Choice[])[] {
  const blocks = Array.from({ length: span.last - span.first + 1 }, (_, i) => span.first + i);
  return blocks.flatMap((block) => groupsAt(block, span));
}

const priceOf = (
  { id, saves, damage, savesWith }: Span | Choice | Whole,
  beside: Whole | null = null,
): Omit<Edge, 'to'> => ({ id, saves: (beside && savesWith?.[beside.id]) ?? saves, damage });

function memoised<K, V>(make: (key: K) => V): (key: K) => V {
  const known = new Map<K, V>();
  return (key) => {
    const value = known.get(key) ?? make(key);
    known.set(key, value);
    return value;
  };
}

const byGroup = <T extends { readonly group: string }>(all: readonly T[]): T[][] => [
  ...grouped(all, ({ group }) => group).values(),
];

function grouped<T, K>(all: readonly T[], keyOf: (one: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const one of all) {
    const key = keyOf(one);
    const group = groups.get(key);
    if (group) group.push(one);
    else groups.set(key, [one]);
  }
  return groups;
}
