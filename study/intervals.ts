/** Intervals and plans that scores are judged on: every short one, and random sets of them. Pure, seeded. */
import type { BlockInterval } from '../lib/core/interval/index.ts';
import { type SeededRandom, seededRandom } from '../lib/core/random.ts';

export const SHORTEST = 2;
export const LONGEST = 5;

/** Every contiguous interval of two to five blocks inside a stack, in order of depth. */
export function everyInterval(stacks: readonly BlockInterval[]): BlockInterval[] {
  return stacks.flatMap((stack) =>
    Array.from({ length: stack.last - stack.first + 1 }, (_, i) => stack.first + i).flatMap((first) =>
      Array.from({ length: LONGEST - SHORTEST + 1 }, (_, i) => ({ first, last: first + SHORTEST + i - 1 })).filter(
        ({ last }) => last <= stack.last,
      ),
    ),
  );
}

/** `count` different sets of disjoint intervals of two to five blocks for each number of removed blocks. */
export function randomPlans(
  stacks: readonly BlockInterval[],
  depths: readonly number[],
  count: number,
  seed: number,
): BlockInterval[][] {
  const random = seededRandom(seed);
  const all = everyInterval(stacks);
  return depths.flatMap((depth) => {
    const plans = new Map<string, BlockInterval[]>();
    for (let tries = 0; plans.size < count && tries < 10_000; tries++) {
      const plan = randomPlan(all, depth, random);
      if (plan) plans.set(JSON.stringify(plan), plan);
    }
    return [...plans.values()];
  });
}

/** Null where the intervals that were drawn leave no room for the rest. */
function randomPlan(all: readonly BlockInterval[], depth: number, random: SeededRandom): BlockInterval[] | null {
  const plan: BlockInterval[] = [];
  let left = depth;
  while (left > 0) {
    const fitting = all.filter(
      ({ first, last }) => last - first <= left && plan.every((other) => last < other.first || first > other.last),
    );
    if (fitting.length === 0) return null;
    const next = fitting[random.integer(fitting.length)]!;
    plan.push(next);
    left -= next.last - next.first;
  }
  return plan.sort((x, y) => x.first - y.first);
}

/** The same order for everyone: whoever stops early has measured a fair share. */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const random = seededRandom(seed);
  const mixed = [...items];
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [mixed[i], mixed[j]] = [mixed[j]!, mixed[i]!];
  }
  return mixed;
}
