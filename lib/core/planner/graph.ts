/**
 * A problem as ways through a graph: every way from node 0 to the last node is one possible plan, and every plan is one
 * way. Nodes come in an order in which no edge leads back. Depth is walked once for each track, one track after the other;
 * the choices of a block are made on the way through the first track that closes blocks.
 */
import { allowedOf, type Choice, closes, type Problem, type Span } from './candidates.ts';

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
  const tracks = [...new Set([main, ...spans.map(({ track }) => track)])];
  const nodes: Edge[][] = [];
  const node = () => nodes.push([]) - 1;

  /** Steps from `from` on, one for each group of alternatives; returns where they end. */
  const through = (from: number, groups: readonly (readonly (Choice | (typeof wholes)[number])[])[]): number => {
    let at = from;
    for (const group of groups) {
      const next = node();
      const fixed = group.find(({ id }) => chosen.has(id));
      if (!fixed) nodes[at]!.push({ ...NOTHING, to: next });
      for (const { id, saves, damage } of fixed ? [fixed] : group) nodes[at]!.push({ id, saves, damage, to: next });
      at = next;
    }
    return at;
  };
  const groupsAt = (block: number) => grouped(choices.filter((choice) => choice.block === block));

  let start = node();
  for (const track of tracks) {
    const own = spans.filter((span) => span.track === track);
    const fixed = own.filter(({ id }) => chosen.has(id));
    const hasChoices = track === main;
    /** Edges that lead to a block whose node is not made yet. */
    const waiting = new Map<number, { readonly from: number; readonly edge: Omit<Edge, 'to'> }[]>();
    const leadTo = (block: number, from: number, edge: Omit<Edge, 'to'>) => {
      waiting.set(block, [...(waiting.get(block) ?? []), { from, edge }]);
    };
    for (let block = 0; block <= problem.numBlocks; block++) {
      const at = block === 0 ? start : node();
      for (const { from, edge } of waiting.get(block) ?? []) nodes[from]!.push({ ...edge, to: at });
      if (block === problem.numBlocks) {
        start = at;
        break;
      }
      for (const span of own.filter(({ first }) => first === block)) {
        const { id, saves, damage } = span;
        const open = hasChoices ? openGroups(span, groupsAt) : [];
        if (open.length === 0) leadTo(span.last + 1, at, { id, saves, damage });
        else {
          const inside = node();
          nodes[at]!.push({ id, saves, damage, to: inside });
          leadTo(span.last + 1, through(inside, open), NOTHING);
        }
      }
      // Other spans that overlap one that is chosen are left out already.
      if (fixed.some(({ first }) => first === block)) continue;
      leadTo(block + 1, hasChoices ? through(at, groupsAt(block)) : at, NOTHING);
    }
  }
  through(start, grouped(wholes));
  return nodes;
}

function openGroups(span: Span, groupsAt: (block: number) => readonly (readonly Choice[])[]): (readonly Choice[])[] {
  const blocks = Array.from({ length: span.last - span.first + 1 }, (_, i) => span.first + i);
  return blocks.filter((block) => !closes(span, block)).flatMap((block) => groupsAt(block));
}

function grouped<T extends { readonly group: string }>(all: readonly T[]): T[][] {
  const groups = new Map<string, T[]>();
  for (const one of all) groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
  return [...groups.values()];
}
