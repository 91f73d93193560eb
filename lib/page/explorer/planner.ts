/**
 * What the user asks the planner for: the budget and the rules for blocks. What follows from it, the front and the best
 * plan, is derived from the report on the page (planned.ts); nothing of it is stored.
 */
import { createStore } from 'zustand/vanilla';
import type { EditSet } from '@/lib/core/edit/index.ts';
import type { BlockInterval } from '@/lib/core/interval/index.ts';
import {
  type BudgetDtype,
  type BudgetKind,
  PLANNED_KINDS,
  type PlannedKind,
  takesDtype,
} from '@/lib/core/planner/index.ts';

/** What a rule does to a block: see docs/planner.md. */
export type BlockRule = 'lock' | 'forbid';

export interface PlannerState {
  readonly kind: BudgetKind;
  /** As typed: "12B", "60%". */
  readonly value: string;
  /** Of `size` and `memory`; null for the dtypes of the open files. */
  readonly dtype: BudgetDtype | null;
  /** Kinds of edits that plans may hold. */
  readonly allow: readonly PlannedKind[];
  /** Ascending. No block is in both. */
  readonly locked: readonly number[];
  readonly forbidden: readonly number[];
  /** Edits that every plan has; null where plans are free of what is chosen. */
  readonly kept: EditSet | null;
  /** What a click on a block of the strip does; null chooses intervals. */
  readonly marking: BlockRule | null;
}

export const DEFAULT_PLANNER: PlannerState = {
  kind: 'params',
  value: '60%',
  dtype: null,
  allow: ['run'],
  locked: [],
  forbidden: [],
  kept: null,
  marking: null,
};

export const plannerStore = createStore<PlannerState>(() => DEFAULT_PLANNER);

/** An amount of one unit means nothing in another one, so that a new kind begins with a share. */
export function setBudgetKind(kind: BudgetKind): void {
  plannerStore.setState(({ value, dtype }) => ({
    kind,
    value: value.trim().endsWith('%') ? value : DEFAULT_PLANNER.value,
    dtype: takesDtype(kind) ? dtype : null,
  }));
}

/** In the order in which kinds are listed, whatever order they are ticked in. */
export function allowKind(kind: PlannedKind, isAllowed: boolean): void {
  plannerStore.setState(({ allow }) => ({
    allow: PLANNED_KINDS.filter((one) => (one === kind ? isAllowed : allow.includes(one))),
  }));
}

/** Sets the rule for all of these blocks, or takes it from them where all have it. The other rule gives way. */
export function markBlocks({ first, last }: BlockInterval, rule: BlockRule): void {
  const blocks = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  plannerStore.setState(({ locked, forbidden }) => {
    const [own, other] = rule === 'lock' ? [locked, forbidden] : [forbidden, locked];
    const isSet = blocks.every((block) => own.includes(block));
    const rest = own.filter((block) => !blocks.includes(block));
    const marked = isSet ? rest : [...rest, ...blocks].sort((a, b) => a - b);
    const left = other.filter((block) => !blocks.includes(block));
    return rule === 'lock' ? { locked: marked, forbidden: left } : { forbidden: marked, locked: left };
  });
}

export function clearRules(): void {
  plannerStore.setState({ locked: [], forbidden: [] });
}
