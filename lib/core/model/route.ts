/** The way of a forward pass through the blocks: whole, with intervals removed, or with their probes in their place. */
import type { BlockInterval, Replacement } from '../interval/interval.ts';
import type { WeightSet } from './weights.ts';

/** Residual map x + x·weight + bias. */
export interface AffineMap {
  /** [d, d], row = input feature. */
  readonly weight: Float32Array;
  /** [d] */
  readonly bias: Float32Array;
}

/** The probe of one block; null leaves the stream as it is. */
export interface StreamProbes {
  readonly image: AffineMap | null;
  readonly text: AffineMap | null;
}

export type RouteStep =
  | { readonly kind: 'block'; readonly index: number }
  | { readonly kind: 'probe'; readonly probe: StreamProbes }
  /** Block `index` with weights of its own, owned by whoever made the route. */
  | { readonly kind: 'student'; readonly index: number; readonly weights: WeightSet };
export type Route = readonly RouteStep[];
/** A step that runs a block, with the model's weights or its own. */
export type StudentStep = Exclude<RouteStep, { readonly kind: 'probe' }>;

/** Block `first` of each interval runs; the rest is left out or stands in as its probes. `probes` has one per block. */
export function routeOf(
  numBlocks: number,
  intervals: readonly BlockInterval[],
  replacement: Replacement,
  probes: readonly StreamProbes[],
): Route {
  const replaced = new Set<number>();
  for (const { first, last } of intervals) for (let i = first + 1; i <= last; i++) replaced.add(i);
  const route: RouteStep[] = [];
  for (let index = 0; index < numBlocks; index++) {
    if (!replaced.has(index)) {
      route.push({ kind: 'block', index });
    } else if (replacement === 'probes') {
      const probe = probes[index];
      if (!probe) throw new RangeError(`No probe for block ${index}: ${probes.length} probes given`);
      route.push({ kind: 'probe', probe });
    }
  }
  return route;
}

/** Students by the interval that each stands for: in its place the student runs, and nothing else of the interval does. */
export function routeWithStudents(
  numBlocks: number,
  students: readonly { readonly interval: BlockInterval; readonly weights: WeightSet }[],
): StudentStep[] {
  const route: StudentStep[] = [];
  for (let index = 0; index < numBlocks; index++) {
    const student = students.find(({ interval }) => interval.first <= index && index <= interval.last);
    if (!student) route.push({ kind: 'block', index });
    else if (student.interval.first === index) route.push({ kind: 'student', index, weights: student.weights });
  }
  return route;
}
