import { describe, expect, it } from 'vitest';
import { type SeededRandom, seededRandom } from '../random.ts';
import { balancedGroups, type GroupedSamples } from './balanced-groups.ts';
import { goldenRatioSamples } from './golden-ratio.ts';
import { HELD_OUT_SHARE, heldOutOf } from './held-out.ts';
import { spreadSamples } from './held-out-inputs.ts';

const samplesOf = (pairs: readonly (readonly [group: number, level: number])[]): GroupedSamples => ({
  groups: Uint32Array.from(pairs, ([group]) => group),
  levels: Float64Array.from(pairs, ([, level]) => level),
});
const range = (count: number) => Array.from({ length: count }, (_, i) => i);
/** Every prompt at every timestep, as a pipeline's hook writes them. */
const crossed = (prompts: number, timesteps: number) =>
  samplesOf(range(prompts).flatMap((prompt) => range(timesteps).map((t) => [prompt, t / timesteps] as const)));
/** A prompt of its own for every sample, timesteps in turn, as the sample's calibration is made. */
const inTurn = (samples: number, timesteps: number) =>
  samplesOf(range(samples).map((sample) => [sample, (sample % timesteps) / timesteps] as const));
/** Every prompt at a random number of random timesteps, twice at some. */
function unequal(prompts: number, timesteps: number, random: SeededRandom): GroupedSamples {
  const pairs = range(prompts).flatMap((prompt) =>
    range(1 + random.integer(4)).map(() => [prompt, random.integer(timesteps) / timesteps] as const),
  );
  return samplesOf(pairs.sort(() => random.uniform() - 0.5));
}
/** Classifier-free guidance: each prompt at one timestep, and there without a prompt too. */
const guided = (prompts: number, timesteps: number) =>
  samplesOf(
    range(prompts).flatMap((prompt) => [
      [prompt + 1, (prompt % timesteps) / timesteps] as const,
      [0, (prompt % timesteps) / timesteps] as const,
    ]),
  );

/** Chosen samples of every timestep less its share, the largest in size. */
function unevenness({ levels }: GroupedSamples, chosen: readonly number[], share: number): number {
  const off = new Map<number, number>();
  for (const level of levels) off.set(level, (off.get(level) ?? 0) - share);
  for (const sample of chosen) off.set(levels[sample]!, off.get(levels[sample]!)! + 1);
  return Math.max(...[...off.values()].map(Math.abs));
}

function expectWholeGroups({ groups }: GroupedSamples, heldOut: readonly number[]): void {
  const held = new Set(heldOut);
  const sides = new Map<number, boolean>();
  for (const [sample, group] of groups.entries()) {
    expect(sides.get(group) ?? held.has(sample)).toBe(held.has(sample));
    sides.set(group, held.has(sample));
  }
  expect(new Set(sides.values())).toEqual(new Set(sides.size > 1 ? [true, false] : [false]));
}

const random = seededRandom(7);
const SHAPES: readonly (readonly [string, GroupedSamples])[] = [
  ...[1, 2, 5, 8, 13, 21, 50].flatMap((timesteps) => [
    ...[2, 3, 4, 5, 7, 8, 20, 64].map(
      (prompts) => [`${prompts} prompts at ${timesteps} timesteps each`, crossed(prompts, timesteps)] as const,
    ),
    ...[2, 3, 7, 16, 24, 32, 40, 48, 64, 65, 127, 1000].map(
      (samples) => [`${samples} samples, ${timesteps} timesteps in turn`, inTurn(samples, timesteps)] as const,
    ),
    ...[24, 60, 200].map(
      (prompts) =>
        [`${prompts} prompts at some of ${timesteps} timesteps`, unequal(prompts, timesteps, random)] as const,
    ),
    ...[16, 64, 100].map(
      (prompts) => [`${prompts} prompts at ${timesteps} timesteps, and none`, guided(prompts, timesteps)] as const,
    ),
  ]),
  ['4,000 samples at a timestep of their own', samplesOf(range(4000).map((i) => [i, random.uniform()] as const))],
  ['4,000 samples of 500 prompts', samplesOf(range(4000).map((i) => [Math.floor(i / 8), (i % 8) / 8] as const))],
];

describe('holding samples out', () => {
  it.each(SHAPES)('takes whole prompts, and no timestep is off its share by more than one: %s', (_, samples) => {
    const heldOut = heldOutOf(samples);
    expectWholeGroups(samples, heldOut);
    expect(unevenness(samples, heldOut, HELD_OUT_SHARE)).toBeLessThanOrEqual(1 + 1e-9);
    expect(heldOutOf(samples)).toEqual(heldOut);
  });

  it('of a prompt each gives every range of timesteps its share', () => {
    for (const samples of [inTurn(100, 100), inTurn(1000, 21), inTurn(64, 13)]) {
      const chosen = new Set(heldOutOf(samples));
      const ordered = range(samples.groups.length).sort((a, b) => samples.levels[a]! - samples.levels[b]!);
      const ends = ordered.flatMap((sample, i) =>
        samples.levels[sample] === samples.levels[ordered[i + 1] ?? -1] ? [] : [i + 1],
      );
      for (const from of [0, ...ends]) {
        for (const to of ends.filter((end) => end > from)) {
          const held = ordered.slice(from, to).filter((sample) => chosen.has(sample)).length;
          expect(Math.abs(held - HELD_OUT_SHARE * (to - from))).toBeLessThan(1);
        }
      }
    }
  });

  it('finds an even choice of few unequal prompts wherever there is one', () => {
    let possible = 0;
    for (let round = 0; round < 150; round++) {
      const prompts = 2 + random.integer(9);
      const samples = unequal(prompts, 1 + random.integer(6), random);
      let least = Number.POSITIVE_INFINITY;
      for (let choice = 1; choice < 2 ** prompts - 1; choice++) {
        const chosen = range(samples.groups.length).filter((sample) => (choice >> samples.groups[sample]!) & 1);
        least = Math.min(least, unevenness(samples, chosen, HELD_OUT_SHARE));
      }
      const heldOut = heldOutOf(samples);
      expectWholeGroups(samples, heldOut);
      if (least > 1) continue;
      possible++;
      expect(unevenness(samples, heldOut, HELD_OUT_SHARE)).toBeLessThanOrEqual(1 + 1e-9);
    }
    // Else nothing was shown.
    expect(possible).toBeGreaterThan(75);
  });

  it('does what it can where no choice is even, and never takes all', () => {
    const one = samplesOf([
      [0, 0.5],
      [0, 0.25],
      [0, 0.5],
      [1, 0.5],
    ]);
    expect(heldOutOf(one)).toEqual([3]);
    const large = samplesOf([...range(20).map(() => [0, 0.5] as const), ...range(20).map(() => [1, 0.5] as const)]);
    expect(heldOutOf(large)).toHaveLength(20);
  });

  it('holds nothing out of one prompt', () => {
    expect(heldOutOf(crossed(1, 8))).toEqual([]);
    expect(heldOutOf(samplesOf([[0, 0.5]]))).toEqual([]);
    expect(balancedGroups(samplesOf([]), 0.25, seededRandom(1)).size).toBe(0);
  });
});

describe('eight noise levels taken in turn', () => {
  const samples = inTurn(64, 8);
  const countsOf = (chosen: readonly number[]) => {
    const counts = new Array<number>(8).fill(0);
    for (const sample of chosen) counts[sample % 8]!++;
    return counts;
  };

  it('aliased with the golden ratio', () => {
    expect(countsOf(goldenRatioSamples(64, 0.25))).toEqual([1, 5, 0, 4, 2, 0, 4, 0]);
  });

  it('are held out alike', () => {
    expect(countsOf(heldOutOf(samples))).toEqual(new Array(8).fill(2));
    for (const count of [16, 24, 32, 40, 48]) {
      const counts = countsOf(heldOutOf(inTurn(count, 8)));
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
  });

  it('each give one sample that damage is measured on', () => {
    expect(countsOf(spreadSamples(samples, heldOutOf(samples), 8))).toEqual(new Array(8).fill(1));
  });
});

describe('samples that damage is measured on', () => {
  it('are of as many prompts as can be', () => {
    const samples = crossed(16, 8);
    const heldOut = heldOutOf(samples);
    const picked = spreadSamples(samples, heldOut, 8);
    expect(new Set(picked.map((sample) => samples.levels[sample])).size).toBe(8);
    const prompts = picked.map((sample) => samples.groups[sample]);
    expect(new Set(prompts).size).toBe(4);
    for (const prompt of new Set(prompts)) expect(prompts.filter((other) => other === prompt)).toHaveLength(2);
  });

  it('are among those named, ascending, and all of few', () => {
    const samples = inTurn(64, 21);
    const heldOut = heldOutOf(samples);
    const picked = spreadSamples(samples, heldOut, 8);
    expect(picked).toHaveLength(8);
    expect(picked.every((sample) => heldOut.includes(sample))).toBe(true);
    expect(picked).toEqual(picked.toSorted((a, b) => a - b));
    expect(spreadSamples(samples, [3, 9], 8)).toEqual([3, 9]);
  });
});
