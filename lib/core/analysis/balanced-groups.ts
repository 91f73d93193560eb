/**
 * Which groups of samples to set aside so that they hold a share of the samples at every timestep. Groups are taken whole.
 *
 * Guarantees. Where every group has one sample, each range of timesteps gets its share to within one sample. Where no more
 * than `MOST_TRIED` choices differ in how many groups of one kind they take (all prompts at all timesteps are one kind),
 * all are tried: no timestep is off by more than one sample if that is possible at all. In other cases the choice is
 * improved by single groups and by exchanges until none helps, which finds such a choice wherever there are many groups,
 * and need not find it where there are few large ones; `SplitFacts` tells what each timestep got.
 */
import type { SeededRandom } from '../random.ts';
import { TimestepShares } from './timestep-shares.ts';

export interface GroupedSamples {
  /** [samples], the group of each, numbered from 0. */
  readonly groups: Uint32Array;
  /** [samples] */
  readonly levels: Float64Array;
}

/** Choices of how many groups of each kind. */
const MOST_TRIED = 4096;
/** Exchanges that one round of improvement tries. */
const MOST_EXCHANGES = 20_000;
const MOST_ROUNDS = 16;

/** Groups, at least one and never all of them; none where there is one group alone. `random` breaks ties. */
export function balancedGroups(samples: GroupedSamples, share: number, random: SeededRandom): ReadonlySet<number> {
  const count = samples.groups.reduce((most, group) => Math.max(most, group + 1), 0);
  if (count < 2) return new Set();
  if (count === samples.groups.length) return spreadGroups(samples, share, random);
  const kinds = kindsOf(samples, count, random);
  const taken =
    kinds.reduce((product, { groups }) => product * (groups.length + 1), 1) <= MOST_TRIED ? bestOf : improved;
  const numbers = taken(kinds, new TimestepShares(samples.levels, share), random);
  return new Set(kinds.flatMap(({ groups }, kind) => groups.slice(0, numbers[kind])));
}

/** Groups of one sample: in order of timesteps, one whenever another whole sample of the share is due. */
function spreadGroups({ groups, levels }: GroupedSamples, share: number, random: SeededRandom): ReadonlySet<number> {
  const ordered = shuffled([...groups.keys()], random).sort((a, b) => levels[a]! - levels[b]!);
  const due = (place: number) => Math.floor(place * share + 0.5);
  const taken = ordered.filter((_, place) => due(place + 1) > due(place));
  if (taken.length === 0) taken.push(ordered[Math.floor(ordered.length / 2)]!);
  return new Set(taken.slice(0, groups.length - 1).map((sample) => groups[sample]!));
}

/** Groups that have as many samples at each timestep as each other. */
interface Kind {
  /** In random order. */
  readonly groups: readonly number[];
  /** Timesteps of a group's samples, ascending. */
  readonly levels: readonly number[];
}

function kindsOf({ groups, levels }: GroupedSamples, count: number, random: SeededRandom): Kind[] {
  const levelsOf = Array.from({ length: count }, (): number[] => []);
  for (const [sample, group] of groups.entries()) levelsOf[group]!.push(levels[sample]!);
  const kinds = new Map<string, { groups: number[]; levels: number[] }>();
  for (const group of shuffled([...levelsOf.keys()], random)) {
    const own = levelsOf[group]!.sort((a, b) => a - b);
    const key = own.join();
    const kind = kinds.get(key);
    if (kind) kind.groups.push(group);
    else kinds.set(key, { groups: [group], levels: own });
  }
  return [...kinds.values()];
}

/** How many groups of each kind, of all possible numbers the best; of equal ones the first. */
function bestOf(kinds: readonly Kind[], shares: TimestepShares): readonly number[] {
  const numbers = kinds.map(() => 0);
  const all = kinds.reduce((sum, { groups }) => sum + groups.length, 0);
  let [best, least, chosen] = [numbers, Number.POSITIVE_INFINITY, 0];
  const from = (kind: number): void => {
    if (kind === kinds.length) {
      if (chosen === 0 || chosen === all || shares.cost >= least) return;
      [best, least] = [[...numbers], shares.cost];
      return;
    }
    const { groups, levels } = kinds[kind]!;
    for (let number = 0; number <= groups.length; number++) {
      from(kind + 1);
      if (number === groups.length) break;
      shares.add(levels, 1);
      numbers[kind] = number + 1;
      chosen++;
    }
    for (; numbers[kind]! > 0; numbers[kind]!--) {
      shares.add(levels, -1);
      chosen--;
    }
  };
  from(0);
  return best;
}

/** Kinds of large groups first, each while it helps; then single groups in and out, and one for another. */
function improved(kinds: readonly Kind[], shares: TimestepShares, random: SeededRandom): readonly number[] {
  const numbers = kinds.map(() => 0);
  const all = kinds.reduce((sum, { groups }) => sum + groups.length, 0);
  let chosen = 0;
  const move = (kind: number, by: 1 | -1) => {
    shares.add(kinds[kind]!.levels, by);
    numbers[kind] = numbers[kind]! + by;
    chosen += by;
  };
  const canMove = (kind: number, by: 1 | -1): boolean =>
    by === 1 ? numbers[kind]! < kinds[kind]!.groups.length : numbers[kind]! > 0;
  /** Keeps the moves if they help. */
  const tried = (moves: readonly (readonly [kind: number, by: 1 | -1])[]): boolean => {
    const before = shares.cost;
    for (const [kind, by] of moves) move(kind, by);
    if (chosen > 0 && chosen < all && shares.cost < before - 1e-9) return true;
    for (const [kind, by] of moves) move(kind, by === 1 ? -1 : 1);
    return false;
  };
  const bySize = [...kinds.keys()].sort((a, b) => kinds[b]!.levels.length - kinds[a]!.levels.length);
  for (const kind of bySize) while (canMove(kind, 1) && tried([[kind, 1]]));
  if (chosen === 0) move(bySize.at(-1)!, 1);
  for (let round = 0, helped = true; helped && round < MOST_ROUNDS; round++) {
    helped = false;
    for (const kind of bySize)
      for (const by of [1, -1] as const) if (canMove(kind, by) && tried([[kind, by]])) helped = true;
    for (const [out, into] of exchangesOf(kinds.length, random)) {
      if (
        canMove(out, -1) &&
        canMove(into, 1) &&
        tried([
          [out, -1],
          [into, 1],
        ])
      )
        helped = true;
    }
  }
  return numbers;
}

/** All pairs of kinds, or as many random ones as one round tries. */
function* exchangesOf(kinds: number, random: SeededRandom): Generator<readonly [number, number]> {
  if (kinds ** 2 > MOST_EXCHANGES) {
    for (let i = 0; i < MOST_EXCHANGES; i++) yield [random.integer(kinds), random.integer(kinds)];
    return;
  }
  for (let out = 0; out < kinds; out++) for (let into = 0; into < kinds; into++) if (out !== into) yield [out, into];
}

export function shuffled<T>(values: T[], random: SeededRandom): T[] {
  for (let i = values.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [values[i], values[j]] = [values[j]!, values[i]!];
  }
  return values;
}
