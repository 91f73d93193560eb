/** The way of a forward pass through the blocks: whole, or with edits in place. */
import { mappedRunAt, type RunEdit } from '../edit/edit.ts';
import type { BlockInterval } from '../interval/interval.ts';
import type { BlockHalf, StreamId } from './architecture.ts';
import type { WeightSet } from './weights.ts';

/** Residual map x + x·weight + bias. */
export interface DenseMap {
  /** [d, d], row = input feature. */
  readonly weight: Float32Array;
  /** [d] */
  readonly bias: Float32Array;
}

/**
 * Residual map x + (x·left)·right + bias: what a fit on r rows finds, where r is less than d. It is only ever applied as two
 * thin products.
 */
export interface LowRankMap {
  /** [d, r] */
  readonly left: Float32Array;
  /** [r, d] */
  readonly right: Float32Array;
  /** [d] */
  readonly bias: Float32Array;
}

export type AffineMap = DenseMap | LowRankMap;

/** A fitted map, per stream of the model: the probe of a block, or the map of a longer run; null leaves the stream as it is. */
export type StreamProbes = Readonly<Record<StreamId, AffineMap | null>>;

export type RouteStep =
  | { readonly kind: 'block'; readonly index: number; readonly carriesText?: boolean }
  /** Block `index` with the output of one half set to zero. */
  | { readonly kind: 'half'; readonly index: number; readonly without: BlockHalf }
  | { readonly kind: 'probe'; readonly probe: StreamProbes }
  /** Block `index` with weights of its own, owned by whoever made the route. */
  | {
      readonly kind: 'student';
      readonly index: number;
      readonly weights: WeightSet;
      readonly carriesText?: boolean;
    }
  | NarrowStep;

/**
 * Block `index` with linear maps in the place of parts of it, named as its family names them (BlockParts). Weights and maps are
 * owned by whoever made the route.
 */
export interface NarrowStep {
  readonly kind: 'narrow';
  readonly index: number;
  readonly maps: WeightSet;
  /** In place of `maps`: given while the block runs, and then freed. */
  readonly openMaps?: () => Promise<WeightSet>;
  /** Of a student in the block's place; null for the model's own. */
  readonly weights: WeightSet | null;
  readonly without?: BlockHalf;
  /** The block hands its modulated text on to blocks that attend to projections of it. */
  readonly carriesText?: boolean;
}

export type Route = readonly RouteStep[];
/** A step that runs a block, with the model's weights or its own. */
export type StudentStep = Exclude<RouteStep, { readonly kind: 'probe' | 'half' | 'narrow' }>;

/** A step that runs a block, with the model's weights or its own, whole or narrower. */
export type BlockStep = Exclude<RouteStep, { readonly kind: 'probe' | 'half' }>;

/** The same steps. Throws RangeError for one that runs no block: nothing in it is trained. */
export function blockStepsOf(route: Route): BlockStep[] {
  return route.map((step) => {
    if (step.kind === 'probe' || step.kind === 'half') throw new RangeError(`A ${step.kind} is no block of a model`);
    return step;
  });
}

/** A student's weights and the run of blocks that it stands for. */
export interface StudentWeights extends BlockInterval {
  readonly weights: WeightSet;
}

/** By the run that it spans (`mappedRuns`); undefined where there is none. */
export type FittedMapOf = (run: BlockInterval) => StreamProbes | undefined;

/** Maps of single blocks, by block. */
export function probeMaps(probes: readonly StreamProbes[]): FittedMapOf {
  return ({ first, last }) => (last === first + 1 ? probes[last] : undefined);
}

/** What edits put in place of blocks. */
export interface EditParts {
  /** The fitted map that spans a run, where an edit puts one in place. */
  readonly maps?: FittedMapOf;
  /** One per run that is replaced by a student. */
  readonly students?: readonly StudentWeights[];
}

/** The model's blocks with `edits` (disjoint) in place; throws `RangeError` where a part that an edit needs is not given. */
export function routeOf(numBlocks: number, edits: readonly RunEdit[], parts: EditParts = {}): Route {
  return stepsOf(numBlocks, edits, parts).filter((step) => step !== null);
}

/** What runs at the place of each block, or null where nothing does. */
export type BlockSteps = readonly (RouteStep | null)[];

/** `routeOf` by block. */
export function stepsOf(numBlocks: number, edits: readonly RunEdit[], parts: EditParts = {}): BlockSteps {
  return Array.from({ length: numBlocks }, (_, index) => {
    const edit = edits.find(({ first, last }) => first <= index && index <= last);
    return edit ? editedStep(index, edit, parts) : { kind: 'block', index };
  });
}

/** What runs at block `index` inside `edit`, or null for nothing. */
function editedStep(index: number, edit: RunEdit, { maps, students = [] }: EditParts): RouteStep | null {
  const { first, last, by } = edit;
  if (index > first) {
    const run = mappedRunAt(edit, index);
    if (!run) return null;
    const probe = maps?.(run);
    if (!probe) throw new RangeError(`No fitted map from block ${run.first} to block ${run.last} is given`);
    return { kind: 'probe', probe };
  }
  if (by !== 'student') return { kind: 'block', index };
  const student = students.find((one) => one.first === first && one.last === last);
  if (!student) throw new RangeError(`No student for blocks ${first} to ${last}`);
  return { kind: 'student', index, weights: student.weights };
}

/** Students in place of their runs, and the model's own blocks elsewhere. */
export function routeWithStudents(numBlocks: number, students: readonly StudentWeights[]): StudentStep[] {
  const route: StudentStep[] = [];
  for (let index = 0; index < numBlocks; index++) {
    const student = students.find(({ first, last }) => first <= index && index <= last);
    if (!student) route.push({ kind: 'block', index });
    else if (student.first === index) route.push({ kind: 'student', index, weights: student.weights });
  }
  return route;
}
