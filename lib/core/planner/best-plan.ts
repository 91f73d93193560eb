/**
 * The plan of least predicted damage that saves at least as much as is asked for, exactly: labels (saved, damage) are carried
 * through the graph, those that another one dominates are dropped, and so are those that cannot end better than a plan that is
 * known already. What the rest of the way costs at least is known from the Lagrangian relaxation (damage − λ · saved, a
 * shortest way for each λ). The problem contains the knapsack problem, so the worst case is exponential; models are far from it.
 */
import { ContiguaError } from '../errors.ts';
import type { Problem } from './candidates.ts';
import { type Edge, type Graph, graphOf } from './graph.ts';

export interface PlannedEdits {
  /** In order of depth, track by track. */
  readonly ids: readonly string[];
  readonly saves: number;
  readonly damage: number;
}

interface Label {
  readonly saves: number;
  readonly damage: number;
  readonly edge: Edge | null;
  readonly before: Label | null;
}

interface Bound {
  readonly lambda: number;
  /** Least damage − λ · saves from each node to the end, and from the start to each node. */
  readonly fromNode: Float64Array;
  readonly toNode: Float64Array;
  readonly way: PlannedEdits;
}

/** λ is looked for among powers of two, in steps that all budgets share: each is a walk over the graph, made once. */
const STEPS_PER_OCTAVE = 16;
const STEPS = 64 * STEPS_PER_OCTAVE;
const AROUND = 3;
/** Sums of the same terms in another order differ by so much, relative to the terms. */
const ROUNDING = 1e-12;

/** A problem that is asked for several budgets. */
export class Planner {
  private readonly graph: Graph;
  private readonly bounds = new Map<number, Bound>();
  private readonly scale: { readonly damage: number; readonly saves: number };
  /** What the plan that saves most saves. */
  readonly most: PlannedEdits;

  /** Throws `plan-invalid` where what is chosen, locked and forbidden contradict each other. */
  constructor(problem: Problem) {
    this.graph = graphOf(problem);
    const edges = this.graph.flat();
    this.scale = {
      damage: edges.reduce((sum, { damage }) => sum + Math.abs(damage), 0) || 1,
      saves: edges.reduce((sum, { saves }) => sum + Math.abs(saves), 0) || 1,
    };
    this.most = this.mostSaving();
  }

  /** Throws `plan-invalid` where nothing saves that much, and says what can be saved. */
  best(saving: number): PlannedEdits {
    const { most } = this;
    const slack = ROUNDING * this.scale.saves;
    if (!(most.saves >= saving - slack)) {
      throw new ContiguaError('plan-invalid', 'No plan saves as much', {
        found: `at most ${most.saves} can be saved`,
        expected: `${saving}`,
        hint: 'Ask for less, allow more kinds of edit, or unlock blocks.',
      });
    }
    const bounds = this.boundsAround(saving);
    let known = most;
    for (const { way } of bounds) {
      if (way.saves >= saving - slack && isBetter(way, known)) known = way;
    }
    const cut = known.damage + ROUNDING * this.scale.damage;
    // Most edges are on no way that is better than the known plan, whatever comes before and after.
    const worthy = this.graph.map((edges, node) =>
      edges.filter(({ to, saves, damage }) =>
        bounds.every(
          ({ lambda, fromNode, toNode }) => toNode[node]! + damage + fromNode[to]! + lambda * (saving - saves) <= cut,
        ),
      ),
    );
    const ends = this.labels(worthy, (node, { saves, damage }) =>
      bounds.every(({ lambda, fromNode }) => damage + fromNode[node]! + lambda * (saving - saves) <= cut),
    );
    for (const label of ends ?? []) {
      if (label.saves >= saving - slack && isBetter(label, known)) known = planOf(label);
    }
    return known;
  }

  /**
   * All plans that no other one beats, by ascending savings, from the least damage on; null where there are more labels on
   * the way than `maxLabels`. Then `frontAt` has the best plans of as many budgets as one asks for.
   */
  front(maxLabels = 200_000): PlannedEdits[] | null {
    return (
      this.labels(this.graph, () => true, maxLabels)
        ?.map(planOf)
        .reverse() ?? null
    );
  }

  /** The best plans of so many budgets, evenly from the plan of least damage to the one that saves most; each once. */
  frontAt(points: number): PlannedEdits[] {
    const least = this.best(Number.NEGATIVE_INFINITY);
    const found = new Map([[least.saves, least]]);
    for (let i = 1; i <= points; i++) {
      const plan = this.best(least.saves + ((this.most.saves - least.saves) * i) / points);
      found.set(plan.saves, plan);
    }
    return [...found.values()];
  }

  /** By descending savings and descending damage, none dominated. */
  private labels(
    graph: Graph,
    isWorth: (node: number, label: Label) => boolean,
    maxLabels = Number.POSITIVE_INFINITY,
  ): Label[] | null {
    const at: Label[][] = graph.map(() => []);
    at[0] = [{ saves: 0, damage: 0, edge: null, before: null }];
    let made = 0;
    for (const [node, edges] of graph.entries()) {
      const labels = undominated(at[node]!);
      if (node === graph.length - 1) return labels;
      at[node] = [];
      for (const edge of edges) {
        const next = at[edge.to]!;
        for (const before of labels) {
          const label = { saves: before.saves + edge.saves, damage: before.damage + edge.damage, edge, before };
          if (!isWorth(edge.to, label)) continue;
          if (++made > maxLabels) return null;
          next.push(label);
        }
      }
    }
    return [];
  }

  /** The λ that is best for this budget, and its neighbours for labels that are ahead or behind; each bound holds. */
  private boundsAround(saving: number): Bound[] {
    const steepest = this.scale.damage / smallestSaving(this.graph);
    const lambdaAt = (step: number) => steepest * 2 ** ((step - STEPS) / STEPS_PER_OCTAVE);
    // The larger λ, the more its way saves.
    let [low, high] = [0, STEPS];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.bound(lambdaAt(middle)).way.saves >= saving) high = middle;
      else low = middle + 1;
    }
    // The sharpest first: it alone rules most of them out.
    const steps = [high, ...Array.from({ length: AROUND }, (_, i) => [high + i + 1, high - i - 1]).flat()];
    return [...steps.map(lambdaAt), 0].map((lambda) => this.bound(lambda));
  }

  private bound(lambda: number): Bound {
    const known = this.bounds.get(lambda);
    if (known) return known;
    const fromNode = new Float64Array(this.graph.length);
    const taken: (Edge | null)[] = this.graph.map(() => null);
    for (let node = this.graph.length - 2; node >= 0; node--) {
      let least = Number.POSITIVE_INFINITY;
      for (const edge of this.graph[node]!) {
        const value = edge.damage - lambda * edge.saves + fromNode[edge.to]!;
        if (value < least) {
          least = value;
          taken[node] = edge;
        }
      }
      fromNode[node] = least;
    }
    const toNode = new Float64Array(this.graph.length).fill(Number.POSITIVE_INFINITY);
    toNode[0] = 0;
    for (const [node, edges] of this.graph.entries()) {
      for (const { to, damage, saves } of edges) {
        toNode[to] = Math.min(toNode[to]!, toNode[node]! + damage - lambda * saves);
      }
    }
    const bound = { lambda, fromNode, toNode, way: this.wayAlong(taken) };
    this.bounds.set(lambda, bound);
    return bound;
  }

  private mostSaving(): PlannedEdits {
    const best: { saves: number; damage: number }[] = this.graph.map(() => ({ saves: 0, damage: 0 }));
    const taken: (Edge | null)[] = this.graph.map(() => null);
    for (let node = this.graph.length - 2; node >= 0; node--) {
      let found: { saves: number; damage: number } | null = null;
      for (const edge of this.graph[node]!) {
        const after = best[edge.to]!;
        const one = { saves: edge.saves + after.saves, damage: edge.damage + after.damage };
        if (found && (one.saves < found.saves || (one.saves === found.saves && one.damage >= found.damage))) continue;
        found = one;
        taken[node] = edge;
      }
      best[node] = found ?? { saves: Number.NEGATIVE_INFINITY, damage: 0 };
    }
    return this.wayAlong(taken);
  }

  private wayAlong(taken: readonly (Edge | null)[]): PlannedEdits {
    let label: Label = { saves: 0, damage: 0, edge: null, before: null };
    for (let edge = taken[0]; edge; edge = taken[edge.to]) {
      label = { saves: label.saves + edge.saves, damage: label.damage + edge.damage, edge, before: label };
    }
    return planOf(label);
  }
}

/** Less damage, and of equal damage the larger saving. */
function isBetter(one: Pick<Label, 'saves' | 'damage'>, other: Pick<Label, 'saves' | 'damage'>): boolean {
  return one.damage < other.damage || (one.damage === other.damage && one.saves > other.saves);
}

function undominated(labels: Label[]): Label[] {
  labels.sort((a, b) => b.saves - a.saves || a.damage - b.damage);
  let least = Number.POSITIVE_INFINITY;
  return labels.filter(({ damage }) => {
    if (damage >= least) return false;
    least = damage;
    return true;
  });
}

function planOf(end: Pick<Label, 'saves' | 'damage' | 'edge' | 'before'>): PlannedEdits {
  const ids: string[] = [];
  for (let label: Label | null = end; label; label = label.before) if (label.edge?.id) ids.push(label.edge.id);
  return { ids: ids.reverse(), saves: end.saves, damage: end.damage };
}

function smallestSaving(graph: Graph): number {
  const all = graph.flat().flatMap(({ saves }) => (saves > 0 ? [saves] : []));
  return all.length === 0 ? 1 : all.reduce((least, one) => Math.min(least, one));
}
