/**
 * Random plans of several kinds of edit, for comparing predicted with measured damage: of every mix of kinds that the model's structure
 * allows, at several budgets of parameters. Pure, seeded.
 */
import {
  type Edit,
  type EditSet,
  editSetOf,
  ffnEdit,
  modulationEdit,
  runEdit,
  textStreamEdit,
} from '../lib/core/edit/index.ts';
import { ContiguaError } from '../lib/core/errors.ts';
import type { BlockInterval } from '../lib/core/interval/index.ts';
import { architectureOf, editableModel, editedModel, type ModelConfig } from '../lib/core/model/config-index.ts';
import { kindOf, PLANNED_KINDS, type PlannedKind } from '../lib/core/planner/plan-rules.ts';
import { type SeededRandom, seededRandom } from '../lib/core/random.ts';
import { everyInterval } from './intervals.ts';

export type Mix = readonly PlannedKind[];

export interface MixedPlan {
  readonly mix: Mix;
  /** Share of the parameters that it was to leave; edits were added until it was met, or none was left that goes with the others. */
  readonly budget: number;
  readonly edits: EditSet;
}

const MIXES: readonly Mix[] = [
  ['run'],
  ['text'],
  ['ffn'],
  ['run', 'text'],
  ['run', 'ffn'],
  ['text', 'ffn'],
  ['run', 'modulation'],
  ['text', 'ffn', 'modulation'],
  ['run', 'text', 'ffn', 'modulation'],
];
const BUDGETS = [0.95, 0.9, 0.8, 0.7, 0.6] as const;
export const RANKS = [1, 2, 4, 8, 16, 32] as const;
const PLANS_PER_MODEL = 225;
const SEED = 90;
const TRIES = 200;

/** Every edit that plans are drawn from: runs left out and by a linear map, groups, feed-forward layers, ranks. */
export function candidatesOf(
  config: ModelConfig,
  stacks: readonly BlockInterval[],
): ReadonlyMap<PlannedKind, readonly Edit[]> {
  const editable = editableModel(config);
  const intervals = everyInterval(stacks);
  const all: Edit[] = [
    ...intervals.flatMap((one) => [runEdit(one, 'nothing'), runEdit(one, 'linear')]),
    ...[
      ...intervals.map(textStreamEdit),
      ...architectureOf(config).blocks.flatMap(({ index, parts }) =>
        Object.keys(parts?.ffn ?? {}).map((stream) => ffnEdit(index, stream)),
      ),
      ...RANKS.filter((rank) => rank < config.width).map((rank) => modulationEdit({ rank })),
    ].filter((edit) => editable.whyNot(edit) === null),
  ];
  return new Map(PLANNED_KINDS.map((kind) => [kind, all.filter((edit) => kindOf(edit) === kind)]));
}

/** Different plans, each mix and budget alike often. */
export function mixedPlans(config: ModelConfig, stacks: readonly BlockInterval[]): MixedPlan[] {
  const candidates = candidatesOf(config, stacks);
  const mixes = MIXES.filter((mix) => mix.every((kind) => (candidates.get(kind) ?? []).length > 0));
  const random = seededRandom(SEED);
  const perCase = Math.ceil(PLANS_PER_MODEL / (mixes.length * BUDGETS.length));
  const seen = new Set<string>();
  return mixes.flatMap((mix) =>
    BUDGETS.flatMap((budget) => {
      const plans: MixedPlan[] = [];
      for (let tries = 0; plans.length < perCase && tries < TRIES; tries++) {
        const edits = drawn(mix, budget, candidates, config, random);
        const key = JSON.stringify(edits);
        if (edits.length === 0 || seen.has(key)) continue;
        seen.add(key);
        plans.push({ mix, budget, edits });
      }
      return plans;
    }),
  );
}

/** One edit of each kind of the mix, then further ones. */
function drawn(
  mix: Mix,
  budget: number,
  candidates: ReadonlyMap<PlannedKind, readonly Edit[]>,
  config: ModelConfig,
  random: SeededRandom,
): EditSet {
  const whole = editedModel(config, []).parameters;
  const editable = editableModel(config);
  let edits: EditSet = [];
  const add = (kind: PlannedKind): boolean => {
    const fitting = (candidates.get(kind) ?? []).flatMap((edit) => {
      const set = together(edits, edit);
      return set ? [set] : [];
    });
    if (fitting.length === 0) return false;
    edits = fitting[random.integer(fitting.length)]!;
    return true;
  };
  for (const kind of mix) if (!add(kind)) return [];
  const further = mix.filter((kind) => kind !== 'modulation');
  const left = new Set(further);
  while (left.size > 0 && editedModel(config, edits).parameters > budget * whole) {
    const kind = further[random.integer(further.length)]!;
    if (!add(kind)) left.delete(kind);
  }
  return edits;

  /** As the planner makes them: a run and a group share no block. Null where they do not go together. */
  function together(set: EditSet, edit: Edit): EditSet | null {
    if (edit.on === 'run' || edit.on === 'text-stream') {
      const crosses = set.some(
        (other) =>
          (other.on === 'run' || other.on === 'text-stream') && other.first <= edit.last && edit.first <= other.last,
      );
      if (crosses) return null;
    }
    if (set.some((other) => other.on === 'modulation' && edit.on === 'modulation')) return null;
    try {
      return editSetOf([...set, edit], editable, 'the drawn plan');
    } catch (thrown) {
      if (thrown instanceof ContiguaError) return null;
      throw thrown;
    }
  }
}
