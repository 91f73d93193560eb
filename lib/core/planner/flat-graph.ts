/** A graph's edges in typed arrays, in the order of the nodes that they leave: searches walk them thousands of times. */
import type { Graph } from './graph.ts';

export interface FlatGraph {
  readonly nodes: number;
  /** Edges of node n: `start[n]` to `start[n + 1]`, the latter excluded. */
  readonly start: Int32Array;
  readonly to: Int32Array;
  readonly saves: Float64Array;
  readonly damage: Float64Array;
  /** Of the candidate; null for nothing. */
  readonly ids: readonly (string | null)[];
}

export function flatten(graph: Graph): FlatGraph {
  const start = new Int32Array(graph.length + 1);
  for (const [node, { length }] of graph.entries()) start[node + 1] = start[node]! + length;
  const count = start[graph.length]!;
  const [to, saves, damage] = [new Int32Array(count), new Float64Array(count), new Float64Array(count)];
  const ids = new Array<string | null>(count).fill(null);
  let at = 0;
  // Hundreds of thousands of edges: no array is made of them in between.
  for (const edges of graph) {
    for (const edge of edges) {
      to[at] = edge.to;
      saves[at] = edge.saves;
      damage[at] = edge.damage;
      ids[at++] = edge.id;
    }
  }
  return { nodes: graph.length, start, to, saves, damage, ids };
}

/** The same nodes with some of the edges. */
export function filtered(graph: FlatGraph, isKept: (edge: number, from: number) => boolean): FlatGraph {
  const kept: number[] = [];
  const start = new Int32Array(graph.nodes + 1);
  for (let node = 0; node < graph.nodes; node++) {
    for (let edge = graph.start[node]!; edge < graph.start[node + 1]!; edge++) if (isKept(edge, node)) kept.push(edge);
    start[node + 1] = kept.length;
  }
  return {
    nodes: graph.nodes,
    start,
    to: Int32Array.from(kept, (edge) => graph.to[edge]!),
    saves: Float64Array.from(kept, (edge) => graph.saves[edge]!),
    damage: Float64Array.from(kept, (edge) => graph.damage[edge]!),
    ids: kept.map((edge) => graph.ids[edge]!),
  };
}

/** One way from the first node to the last, by its edges. */
export interface Way {
  readonly edges: readonly number[];
  readonly saves: number;
  readonly damage: number;
}

/** `taken`: the edge to follow from each node. */
export function wayAlong({ nodes, to, saves, damage }: FlatGraph, taken: Int32Array): Way {
  const edges: number[] = [];
  let [saved, done] = [0, 0];
  for (let node = 0; node < nodes - 1; ) {
    const edge = taken[node]!;
    edges.push(edge);
    saved += saves[edge]!;
    done += damage[edge]!;
    node = to[edge]!;
  }
  return { edges, saves: saved, damage: done };
}
