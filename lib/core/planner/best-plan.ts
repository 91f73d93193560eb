/**
 * The plan of least predicted damage that saves at least as much as is asked for, exactly, and the front of all such plans.
 * The Lagrangian relaxation gives a plan and a bound for each budget. What lies between the two is searched with labels, at
 * first close to the bound, then further from it: a plan found within a cut is the best one. The problem contains the
 * knapsack problem, so the worst case is exponential; models are far from it.
 */
import { ContiguaError } from '../errors.ts';
import type { Problem } from './candidates.ts';
import { type FlatGraph, filtered, flatten, type Way } from './flat-graph.ts';
import { graphOf } from './graph.ts';
import { type Goal, undominatedWays } from './pareto-labels.ts';
import { type Bound, Relaxation, ROUNDING } from './relaxation.ts';

export interface PlannedEdits {
  /** In order of depth, track by track. */
  readonly ids: readonly string[];
  readonly saves: number;
  readonly damage: number;
}

/** Shares of the way from the bound to the known plan, searched one after the other. */
const CUTS = [1 / 64, 1 / 16, 1 / 4, 1] as const;
/** λ beside the best one, for labels that are ahead or behind; each bound holds. */
const BESIDE = [2 ** (1 / 8), 2 ** (-1 / 8), 2 ** (1 / 3), 2 ** (-1 / 3)] as const;

/** A problem that is asked for several budgets. */
export class Planner {
  private readonly graph: FlatGraph;
  private readonly relaxation: Relaxation;
  private readonly scale: { readonly damage: number; readonly saves: number };
  /** What the plan that saves most saves. */
  readonly most: PlannedEdits;

  /** Throws `plan-invalid` where what is chosen, locked and forbidden contradict each other. */
  constructor(problem: Problem) {
    this.graph = flatten(graphOf(problem));
    this.scale = { damage: sizeOf(this.graph.damage), saves: sizeOf(this.graph.saves) };
    this.relaxation = new Relaxation(this.graph, this.scale);
    this.most = planOf(this.graph, this.relaxation.most);
  }

  canSave(saving: number): boolean {
    return this.most.saves >= saving - ROUNDING * this.scale.saves;
  }

  /** Throws `plan-invalid` where nothing saves that much, and says what can be saved. */
  best(saving: number): PlannedEdits {
    if (!this.canSave(saving)) {
      throw new ContiguaError('plan-invalid', 'No plan saves as much', {
        found: `at most ${this.most.saves} can be saved`,
        expected: `${saving}`,
        hint: 'Ask for less, allow more kinds of edit, or unlock blocks.',
      });
    }
    const enough = saving - ROUNDING * this.scale.saves;
    if (this.relaxation.least.saves >= enough) return planOf(this.graph, this.relaxation.least);
    const { lambda, below, above } = this.relaxation.bracket(saving);
    const bounds = [lambda, ...BESIDE.map((factor) => lambda * factor), 0].map((one) => this.relaxation.bound(one));
    const lowest = below.damage + lambda * (saving - below.saves);
    const slack = ROUNDING * this.scale.damage;
    for (const share of CUTS) {
      const cut = lowest + share * (above.damage - lowest) + slack;
      const found = this.within({ saving, cut, bounds });
      if (found) return found;
    }
    return planOf(this.graph, above);
  }

  /**
   * All plans that no other one beats, by ascending savings, from the least damage on; null where there are more than
   * `maxPlans`, or more labels on the way than `maxLabels`. Then `frontAt` has some of them.
   */
  front(maxPlans = Number.POSITIVE_INFINITY, maxLabels = 200_000): PlannedEdits[] | null {
    const ways = undominatedWays(this.graph, null, maxLabels);
    if (!ways || ways.length > maxPlans) return null;
    return ways.toReversed().map((way) => planOf(this.graph, way));
  }

  /** Plans that no other one beats, by ascending savings: the corners of the front's convex hull, at most so many, spread evenly. */
  frontAt(points: number): PlannedEdits[] {
    return this.relaxation.front(points).map((way) => planOf(this.graph, way));
  }

  /** The best plan of those with at most so much damage; null where there is none. */
  private within(goal: Goal): PlannedEdits | null {
    const { saving, cut, bounds } = goal;
    const { to, saves, damage } = this.graph;
    // Most edges are on no way that is good enough, whatever comes before and after.
    const isWorth = (edge: number, from: number) =>
      bounds.every(
        ({ lambda, fromNode, toNode }: Bound) =>
          toNode[from]! + damage[edge]! + fromNode[to[edge]!]! + lambda * (saving - saves[edge]!) <= cut,
      );
    const graph = filtered(this.graph, isWorth);
    const enough = saving - ROUNDING * this.scale.saves;
    // By descending damage: the last one that saves enough has the least.
    const best = undominatedWays(graph, goal)?.findLast((way) => way.saves >= enough);
    return best ? planOf(graph, best) : null;
  }
}

function planOf({ ids }: FlatGraph, { edges, saves, damage }: Way): PlannedEdits {
  return { ids: edges.flatMap((edge) => ids[edge] ?? []), saves, damage };
}

function sizeOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + Math.abs(value), 0) || 1;
}
