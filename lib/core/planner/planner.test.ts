import { describe, expect, it } from 'vitest';
import { type SeededRandom, seededRandom } from '../random.ts';
import type { Choice, PlannedEdits, Problem, Span, Whole } from './index.ts';
import { Planner } from './index.ts';
import { largeProblem } from './large-problem.ts';

/** Prices of many digits, or of few, so that many sums are equal. */
function randomProblem(random: SeededRandom): Problem {
  const isCoarse = random.uniform() < 0.5;
  const price = () => (isCoarse ? random.integer(4) : random.uniform());
  const saving = () => (isCoarse ? random.integer(5) - (random.uniform() < 0.1 ? 2 : 0) : 10 * random.uniform());
  const numBlocks = 1 + random.integer(5);
  const block = () => random.integer(numBlocks);
  const spans: Span[] = Array.from({ length: random.integer(6) }, (_, i) => {
    const [a, b] = [block(), block()];
    const [first, last] = [Math.min(a, b), Math.max(a, b)];
    const track = random.uniform() < 0.7 ? 'depth' : 'text';
    const closedFrom = track === 'depth' ? first + random.integer(last - first + 1) : null;
    // A text group: it keeps all of its blocks, and takes one group of choices from the later ones.
    const closes = track === 'depth' && random.uniform() < 0.4 ? { closes: ['ffn'] } : {};
    return { id: `span ${i}`, track, first, last, closedFrom, ...closes, saves: saving(), damage: price() };
  });
  const choices: Choice[] = Array.from({ length: random.integer(6) }, (_, i) => ({
    id: `choice ${i}`,
    block: block(),
    ...[{ group: 'ffn' }, { group: 'modulation' }, { group: 'held', insteadOf: 'ffn' }][random.integer(3)]!,
    saves: saving(),
    damage: price(),
  }));
  const hasBlocks = random.uniform() < 0.5;
  /** Beside a basis, what lies on the track of the depth may save something else. */
  const beside = () =>
    hasBlocks && random.uniform() < 0.5 ? { savesWith: { 'whole 0': saving(), 'whole 1': saving() } } : {};
  const wholes: Whole[] = Array.from({ length: random.integer(3) }, (_, i) => ({
    id: `whole ${i}`,
    group: 'basis',
    saves: saving(),
    damage: price(),
    ...(hasBlocks ? { savesPerBlock: Array.from({ length: numBlocks }, saving) } : {}),
  }));
  const all = [...spans, ...choices, ...wholes].map(({ id }) => id);
  const some = (share: number) => all.filter(() => random.uniform() < share);
  return {
    numBlocks,
    spans: spans.map((span) => (span.track === 'depth' ? { ...span, ...beside() } : span)),
    choices: choices.map((choice) => ({ ...choice, ...beside() })),
    wholes,
    locked: random.uniform() < 0.3 ? [block()] : [],
    forbidden: some(0.1),
    // What needs a span would need that one to be chosen too.
    chosen: some(0.08).filter((id) => !choices.some((one) => one.id === id && one.insteadOf !== undefined)),
  };
}

/** Every set of candidates that is a plan, found without any of the planner's code. */
function allPlans(problem: Problem): PlannedEdits[] {
  const { spans, choices, wholes, locked = [], forbidden = [], chosen = [] } = problem;
  const all = [...spans, ...choices, ...wholes];
  const plans: PlannedEdits[] = [];
  for (let bits = 0; bits < 2 ** all.length; bits++) {
    const has = (one: { readonly id: string }) => (bits >> all.findIndex(({ id }) => id === one.id)) & 1;
    const [inSpans, inChoices, inWholes] = [spans.filter(has), choices.filter(has), wholes.filter(has)];
    const ids = all.filter(has).map(({ id }) => id);
    const isPlan =
      chosen.every((id) => ids.includes(id)) &&
      !forbidden.some((id) => ids.includes(id)) &&
      !locked.some((block) => inSpans.some(({ first, last }) => first <= block && block <= last)) &&
      !inChoices.some(({ block }) => locked.includes(block)) &&
      inSpans.every((a) =>
        inSpans.every((b) => a === b || a.track !== b.track || a.last < b.first || b.last < a.first),
      ) &&
      inChoices.every((a) => inChoices.every((b) => a === b || a.block !== b.block || a.group !== b.group)) &&
      inWholes.length <= 1 &&
      inChoices.every(
        ({ block, insteadOf }) =>
          insteadOf === undefined ||
          inSpans.some(
            ({ last, closedFrom, closes }) =>
              closedFrom !== null && block >= closedFrom && block <= last && closes?.includes(insteadOf),
          ),
      ) &&
      !inSpans.some(({ last, closedFrom, closes }) =>
        inChoices.some(
          ({ block, group }) =>
            closedFrom !== null && block >= closedFrom && block <= last && (!closes || closes.includes(group)),
        ),
      );
    if (!isPlan) continue;
    const [basis] = inWholes;
    const saved = [...inSpans, ...inChoices].map(({ saves, savesWith }) => (basis && savesWith?.[basis.id]) ?? saves);
    const alone = [...saved, ...inWholes.map(({ saves }) => saves)].reduce((total, one) => total + one, 0);
    const damage = all.filter(has).reduce((total, one) => total + one.damage, 0);
    const stays = (block: number) =>
      !inSpans.some(
        ({ last, closedFrom, closes }) => closedFrom !== null && !closes && block >= closedFrom && block <= last,
      );
    const withBlocks = inWholes.flatMap(({ savesPerBlock = [] }) => savesPerBlock.filter((_, block) => stays(block)));
    const saves = withBlocks.reduce((total, one) => total + one, alone);
    plans.push({ ids: ids.sort(), saves, damage });
  }
  return plans;
}

describe('the best plan', () => {
  it('is that of brute force for 600 random problems, at every budget and on the whole front', () => {
    const seen = { impossible: 0, budgets: 0, tooMuch: 0 };
    for (let seed = 0; seed < 600; seed++) {
      const random = seededRandom(seed);
      const problem = randomProblem(random);
      const plans = allPlans(problem);
      if (plans.length === 0) {
        seen.impossible++;
        expect(() => new Planner(problem), `seed ${seed}`).toThrow(/What is chosen cannot be in one plan|both chosen/);
        continue;
      }
      const planner = new Planner(problem);
      const most = Math.max(...plans.map(({ saves }) => saves));
      expect(planner.most.saves).toBeCloseTo(most, 9);
      const budgets = [-5, 0, most, most + 0.01, ...Array.from({ length: 6 }, () => random.uniform() * most)];
      for (const budget of budgets) {
        const enough = plans.filter(({ saves }) => saves >= budget - 1e-9);
        if (enough.length === 0) {
          seen.tooMuch++;
          expect(() => planner.best(budget)).toThrow(/No plan saves as much; found at most/);
          continue;
        }
        seen.budgets++;
        const best = planner.best(budget);
        expect(best.damage, `seed ${seed}, budget ${budget}`).toBeCloseTo(
          Math.min(...enough.map((one) => one.damage)),
          9,
        );
        expect(best.saves).toBeGreaterThanOrEqual(budget - 1e-9);
        // It is a plan, with these prices.
        const same = plans.find(({ ids }) => JSON.stringify(ids) === JSON.stringify([...best.ids].sort()));
        expect(same?.damage).toBeCloseTo(best.damage, 9);
        expect(same?.saves).toBeCloseTo(best.saves, 9);
      }
      const front = planner.front() ?? [];
      const undominated = plans.filter(
        (one) =>
          !plans.some(
            (other) =>
              other.damage <= one.damage + 1e-9 &&
              other.saves >= one.saves - 1e-9 &&
              (other.damage < one.damage - 1e-9 || other.saves > one.saves + 1e-9),
          ),
      );
      const points = new Set(undominated.map(({ saves }) => saves.toFixed(6)));
      expect(front.map(({ saves }) => saves.toFixed(6)).sort(), `seed ${seed}`).toEqual([...points].sort());
    }
    expect(seen.impossible).toBeGreaterThan(10);
    expect(seen.budgets).toBeGreaterThan(3_000);
    expect(seen.tooMuch).toBeGreaterThan(300);
  });

  it('says which of the chosen, locked and forbidden contradict each other', () => {
    const span = (id: string, first: number, last: number) => ({
      id,
      track: 'depth',
      first,
      last,
      closedFrom: first,
      saves: 1,
      damage: 1,
    });
    const problem = {
      numBlocks: 6,
      spans: [span('a', 0, 2), span('b', 2, 3)],
      choices: [{ id: 'ffn', block: 1, group: 'ffn', saves: 1, damage: 1 }],
      wholes: [],
    };
    const why = (more: Partial<Problem>) => () => new Planner({ ...problem, ...more });
    expect(why({ chosen: ['a', 'b'] })).toThrow(/a; found it overlaps b, which is chosen/);
    expect(why({ chosen: ['a'], locked: [1] })).toThrow(/a; found one of its blocks is locked/);
    expect(why({ chosen: ['a'], forbidden: ['a'] })).toThrow(/both chosen and forbidden: a/);
    expect(why({ chosen: ['a', 'ffn'] })).toThrow(/a; found it leaves no room for ffn, which is chosen/);
    expect(why({ chosen: ['c'] })).toThrow(/no such candidate to choose: c/);
    expect(why({ spans: [span('a', 4, 6)] })).toThrow(/lies outside the model: a; found 4-6; expected 0-5/);
    expect(why({ spans: [{ ...span('a', 0, 1), damage: Number.NaN }] })).toThrow(/no finite price: a/);
    expect(why({ spans: [span('a', 0, 1), span('a', 2, 3)] })).toThrow(/one id/);
  });
});

describe('sixty blocks with all kinds of edit', () => {
  it('are planned at any budget', () => {
    const planner = new Planner(largeProblem());
    for (const share of [0.05, 0.1, 0.3, 0.5, 0.6, 0.75, 0.9, 0.99]) {
      const target = share * planner.most.saves;
      expect(planner.best(target).saves, `${share}`).toBeGreaterThanOrEqual(target);
    }
  });

  it('have a front of a hundred budgets, each point better than what saves more', () => {
    const planner = new Planner(largeProblem());
    const front = planner.frontAt(100);
    expect(front.length).toBeGreaterThan(80);
    const ordered = (key: 'saves' | 'damage') => front.map((plan) => plan[key]);
    expect([...ordered('saves')].sort((a, b) => a - b)).toEqual(ordered('saves'));
    expect([...ordered('damage')].sort((a, b) => a - b)).toEqual(ordered('damage'));
    expect(planner.best(front[50]!.saves).damage).toBe(front[50]!.damage);
    expect(planner.front(10_000)).toBeNull();
  });
});
