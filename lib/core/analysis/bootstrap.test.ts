/** What the bounds and shares of a resampled analysis are worth, on data whose answer is known. */
import { beforeAll, describe, expect, it } from 'vitest';
import { detectionShares } from '../detection/detection-shares.ts';
import type { DenseMap } from '../model/route.ts';
import { seededRandom } from '../random.ts';
import { startTestEngine } from '../tensor/test-engines.ts';
import { cellRows, cellsOf, someOfEachCell } from './held-out-cells.ts';
import { Pace } from './pace.ts';
import { resampleSimilarity } from './resampled-similarity.ts';
import { StreamSimilarity } from './similarity.ts';
import { weightingsOf } from './weightings.ts';

const pace = new Pace();

/** `states`: [groups · tokens, width] each, `tokens` rows of a group after the other. */
async function analysed(
  states: readonly Float32Array[],
  groups: number,
  width: number,
  probes: readonly (DenseMap | null)[],
) {
  const count = states[0]!.length / width;
  const cells = cellsOf([...Array(groups).keys()], (sample) => ({ group: sample, band: 0 }));
  const all = cellRows(
    cells,
    Uint32Array.from({ length: count }, (_, row) => Math.floor((row * groups) / count)),
  );
  const similarity = new StreamSimilarity(states, count, width);
  const cka = await similarity.compareStates(pace);
  const trajectories = await similarity.followSurrogates(probes, pace);
  similarity.dispose();
  const rows = someOfEachCell(all, Math.ceil(256 / groups), seededRandom(1));
  const weightings = weightingsOf(cells, 0, { seed: 1 });
  const resampled = await resampleSimilarity(states, rows, width, weightings, probes, { cka, trajectories }, pace);
  return { cka, resampled, resamples: weightings.resamples };
}

beforeAll(() => startTestEngine('wasm'));

describe('bounds of a resampled CKA', () => {
  /**
   * Tokens x and y = a·x + √(1 − a²)·e, where a third of x is common to the tokens of a group. All parts are normal with
   * unit covariance, so that the population's CKA is ‖Σxy‖² / (‖Σxx‖ ‖Σyy‖) = a².
   */
  const [GROUPS, TOKENS, WIDTH, SHARED] = [24, 12, 6, 0.8];
  const draw = (seed: number) => {
    const random = seededRandom(seed);
    const normals = (count: number) => Array.from({ length: count }, () => random.normal());
    const x = new Float32Array(GROUPS * TOKENS * WIDTH);
    const y = new Float32Array(GROUPS * TOKENS * WIDTH);
    for (let group = 0; group < GROUPS; group++) {
      const common = normals(WIDTH);
      for (let token = 0; token < TOKENS; token++) {
        const at = (group * TOKENS + token) * WIDTH;
        for (let j = 0; j < WIDTH; j++) {
          const f = Math.sqrt(1 / 3) * common[j]! + Math.sqrt(2 / 3) * random.normal();
          x[at + j] = f;
          y[at + j] = SHARED * f + Math.sqrt(1 - SHARED ** 2) * random.normal();
        }
      }
    }
    return [x, y] as const;
  };
  const TRUTH = SHARED ** 2;

  it('hold the true value in at least 85 of 100 repetitions, and the estimate always', async () => {
    let held = 0;
    for (let repetition = 0; repetition < 100; repetition++) {
      const [x, y] = draw(100 + repetition);
      const { cka, resampled } = await analysed([x, x, y], GROUPS, WIDTH, [null, null]);
      const [low, high] = [resampled.bounds.cka.debiased.low[0]![1]!, resampled.bounds.cka.debiased.high[0]![1]!];
      const value = cka.debiased[0]![1]!;
      expect(low).toBeLessThan(value);
      expect(high).toBeGreaterThan(value);
      if (low <= TRUTH && TRUTH <= high) held++;
    }
    expect(held).toBeGreaterThanOrEqual(85);
    expect(held).toBeLessThan(100);
  }, 60_000);
});

describe('how often a break is found in resamples', () => {
  const [GROUPS, TOKENS, WIDTH] = [16, 24, 8];
  /**
   * Surrogates stay at their start (probes of zeros), so that cka(u, k) is how far noise has taken the state after k. Block
   * 1 moves the odd groups and block 2 the even ones, about as much: which difference is larger depends on who is drawn.
   * Block 3 moves next to nothing and block 4 everything.
   */
  const states = (() => {
    const random = seededRandom(5);
    const normals = () => Float32Array.from({ length: GROUPS * TOKENS * WIDTH }, () => random.normal());
    const groupOf = (at: number) => Math.floor(at / (TOKENS * WIDTH));
    const moved = (state: Float32Array, by: (group: number) => number) => {
      const noise = normals();
      return state.map((value, at) => value + by(groupOf(at)) * noise[at]!);
    };
    const start = normals();
    const odd = moved(start, (group) => (group % 2 === 1 ? 0.7 : 0));
    const even = moved(odd, (group) => (group % 2 === 0 ? 0.76 : 0));
    const still = moved(even, () => 0.05);
    const far = moved(still, () => 2);
    return [normals(), start, odd, even, still, far, moved(far, () => 0.05)];
  })();
  const still = { weight: new Float32Array(WIDTH * WIDTH), bias: new Float32Array(WIDTH) };
  const probes = Array.from({ length: 6 }, () => still);

  it('is about half where the data do not decide, and nearly always where they do', async () => {
    const { resampled, resamples } = await analysed(states, GROUPS, WIDTH, probes);
    const shares = detectionShares({ image: resampled.trajectories }, 6, resamples).find(
      ({ estimator, start, target, streams }) =>
        estimator === 'debiased' && start === 'block-u' && target === 'teacher-after-k' && streams === 'mean',
    )!;
    const broken = (start: number, block: number) =>
      shares.breaks.find((found) => found.start === start && found.block === block)?.share ?? 0;
    const found = (first: number, last: number) =>
      shares.intervals.find((interval) => interval.first === first && interval.last === last)?.share ?? 0;
    expect(broken(0, 1)).toBeGreaterThan(0.3);
    expect(broken(0, 1)).toBeLessThan(0.7);
    expect(broken(0, 1) + broken(0, 3)).toBeCloseTo(1, 9);
    expect(broken(2, 3)).toBeGreaterThan(0.95);
    expect(found(4, 5)).toBeGreaterThan(0.95);
    expect(found(0, 3)).toBeCloseTo(1 - broken(0, 1), 9);
    expect(found(0, 1)).toBeCloseTo(broken(0, 1), 9);
  });
});
