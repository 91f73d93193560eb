/**
 * All ways through a graph that no other beats, by labels (saved, damage) that are carried from node to node; those that
 * another one dominates are dropped, and so are those that the caller's bounds rule out.
 */
import type { FlatGraph, Way } from './flat-graph.ts';
import type { Bound } from './relaxation.ts';

/** Labels that cannot end with `saving` saved and at most `cut` of damage are dropped. */
export interface Goal {
  readonly saving: number;
  readonly cut: number;
  /** The sharpest first. */
  readonly bounds: readonly Bound[];
}

/** By descending savings and descending damage; null where more labels than `maxLabels` are made on the way. */
export function undominatedWays(
  graph: FlatGraph,
  goal: Goal | null,
  maxLabels = Number.POSITIVE_INFINITY,
): Way[] | null {
  const { nodes, start, to } = graph;
  let room = 1 << 12;
  let [saves, damage] = [new Float64Array(room), new Float64Array(room)];
  let [via, before] = [new Int32Array(room), new Int32Array(room)];
  via[0] = -1;
  let made = 1;
  const at: number[][] = Array.from({ length: nodes }, () => []);
  at[0]!.push(0);
  const bySavings = (a: number, b: number) => saves[b]! - saves[a]! || damage[a]! - damage[b]!;
  for (let node = 0; node < nodes - 1; node++) {
    const labels = undominated(at[node]!.sort(bySavings), damage);
    at[node] = [];
    for (let edge = start[node]!; edge < start[node + 1]!; edge++) {
      const target = to[edge]!;
      const [edgeSaves, edgeDamage] = [graph.saves[edge]!, graph.damage[edge]!];
      for (const label of labels) {
        const [saved, done] = [saves[label]! + edgeSaves, damage[label]! + edgeDamage];
        if (goal && !canReach(goal, target, saved, done)) continue;
        if (made > maxLabels) return null;
        if (made === room) {
          room *= 2;
          saves = grown(saves, new Float64Array(room));
          damage = grown(damage, new Float64Array(room));
          via = grown(via, new Int32Array(room));
          before = grown(before, new Int32Array(room));
        }
        saves[made] = saved;
        damage[made] = done;
        via[made] = edge;
        before[made] = label;
        at[target]!.push(made++);
      }
    }
  }
  return undominated(at[nodes - 1]!.sort(bySavings), damage).map((end) => {
    const edges: number[] = [];
    for (let label = end; via[label]! >= 0; label = before[label]!) edges.push(via[label]!);
    return { edges: edges.reverse(), saves: saves[end]!, damage: damage[end]! };
  });
}

function canReach({ saving, cut, bounds }: Goal, node: number, saved: number, done: number): boolean {
  for (const { lambda, fromNode } of bounds) if (done + fromNode[node]! + lambda * (saving - saved) > cut) return false;
  return true;
}

/** `labels` come by descending savings, and of equal ones by ascending damage. */
function undominated(labels: readonly number[], damage: Float64Array): number[] {
  let least = Number.POSITIVE_INFINITY;
  return labels.filter((label) => {
    if (damage[label]! >= least) return false;
    least = damage[label]!;
    return true;
  });
}

function grown<T extends Float64Array | Int32Array>(from: T, into: T): T {
  into.set(from);
  return into;
}
