/**
 * The Lagrangian relaxation of a problem: damage − λ · saved is least along a shortest way for each λ. Such a way is a best
 * plan of its own budget (no other saves as much with less damage), and its value bounds what any plan of any budget can
 * reach. All ways found so make the convex front; further best plans may lie between two of its points, above the
 * line that joins them.
 */
import { type FlatGraph, type Way, wayAlong } from './flat-graph.ts';

/** Least damage − λ · saves from each node to the end, and from the start to each node. */
export interface Bound {
  readonly lambda: number;
  readonly fromNode: Float64Array;
  readonly toNode: Float64Array;
}

/** Two neighbours of the convex front with no way below the line that joins them. */
export interface Bracket {
  readonly lambda: number;
  readonly below: Way;
  readonly above: Way;
}

/** Sums of the same terms in another order differ by so much, relative to the terms. */
export const ROUNDING = 1e-12;

export class Relaxation {
  /** The way of least damage, and of those the one that saves most. */
  readonly least: Way;
  /** The way that saves most, and of those the one of least damage. */
  readonly most: Way;

  constructor(
    private readonly graph: FlatGraph,
    private readonly scale: { readonly damage: number; readonly saves: number },
  ) {
    this.least = this.ordered(graph.damage, 1, graph.saves, -1);
    this.most = this.ordered(graph.saves, -1, graph.damage, 1);
  }

  /** The part of the convex front that a budget between `least` and `most` lies in. */
  bracket(saving: number): Bracket {
    let [below, above] = [this.least, this.most];
    for (;;) {
      const lambda = slopeOf(below, above);
      const way = this.between(below, above, lambda);
      if (!way) return { lambda, below, above };
      if (way.saves >= saving) above = way;
      else below = way;
    }
  }

  /** Ways of the convex front by ascending savings, the widest gaps filled first until there are so many. */
  front(points: number): Way[] {
    const ways = [this.least];
    if (!(this.most.saves > this.least.saves)) return ways;
    ways.push(this.most);
    const gaps: [Way, Way][] = [[this.least, this.most]];
    while (gaps.length > 0 && ways.length < points) {
      let widest = 0;
      for (const [i, [a, b]] of gaps.entries()) {
        const [c, d] = gaps[widest]!;
        if (b.saves - a.saves > d.saves - c.saves) widest = i;
      }
      const [[below, above]] = gaps.splice(widest, 1) as [[Way, Way]];
      const way = this.between(below, above, slopeOf(below, above));
      if (!way) continue;
      ways.push(way);
      gaps.push([below, way], [way, above]);
    }
    return ways.sort((a, b) => a.saves - b.saves);
  }

  bound(lambda: number): Bound {
    const { nodes, start, to, saves, damage } = this.graph;
    const { fromNode } = this.shortest(lambda);
    const toNode = new Float64Array(nodes).fill(Number.POSITIVE_INFINITY);
    toNode[0] = 0;
    for (let node = 0; node < nodes; node++) {
      const before = toNode[node]!;
      for (let edge = start[node]!; edge < start[node + 1]!; edge++) {
        const value = before + damage[edge]! - lambda * saves[edge]!;
        if (value < toNode[to[edge]!]!) toNode[to[edge]!] = value;
      }
    }
    return { lambda, fromNode, toNode };
  }

  /** A way below the line that joins the two, null where there is none. */
  private between(below: Way, above: Way, lambda: number): Way | null {
    if (!(above.saves > below.saves)) return null;
    const way = wayAlong(this.graph, this.shortest(lambda).taken);
    const slack = ROUNDING * (this.scale.damage + lambda * this.scale.saves);
    const isBelow = way.damage - lambda * way.saves < below.damage - lambda * below.saves - slack;
    return isBelow && way.saves > below.saves && way.saves < above.saves ? way : null;
  }

  private shortest(lambda: number): { readonly fromNode: Float64Array; readonly taken: Int32Array } {
    const { nodes, start, to, saves, damage } = this.graph;
    const fromNode = new Float64Array(nodes);
    const taken = new Int32Array(nodes);
    for (let node = nodes - 2; node >= 0; node--) {
      let least = Number.POSITIVE_INFINITY;
      for (let edge = start[node]!; edge < start[node + 1]!; edge++) {
        const value = damage[edge]! - lambda * saves[edge]! + fromNode[to[edge]!]!;
        if (value < least) {
          least = value;
          taken[node] = edge;
        }
      }
      fromNode[node] = least;
    }
    return { fromNode, taken };
  }

  /** The way of the least first sum, and of those of the least second one. */
  private ordered(first: Float64Array, firstSign: number, second: Float64Array, secondSign: number): Way {
    const { nodes, start, to } = this.graph;
    const [a, b] = [new Float64Array(nodes), new Float64Array(nodes)];
    const taken = new Int32Array(nodes);
    for (let node = nodes - 2; node >= 0; node--) {
      a[node] = Number.POSITIVE_INFINITY;
      for (let edge = start[node]!; edge < start[node + 1]!; edge++) {
        const one = firstSign * first[edge]! + a[to[edge]!]!;
        const other = secondSign * second[edge]! + b[to[edge]!]!;
        if (one > a[node]! || (one === a[node]! && other >= b[node]!)) continue;
        a[node] = one;
        b[node] = other;
        taken[node] = edge;
      }
    }
    return wayAlong(this.graph, taken);
  }
}

function slopeOf(below: Way, above: Way): number {
  return above.saves > below.saves ? (above.damage - below.damage) / (above.saves - below.saves) : 0;
}
