/**
 * How often the difference rule finds the same in resamples of the data: for every reading, the share of the resamples that
 * detect an interval, and the share in which the run from a start breaks behind a block. An interval that half of the
 * resamples do not find is no finding.
 */
import { type DeclaredStack, seamsOf } from '../model/config-index.ts';
import type {
  CkaEstimator,
  CkaTarget,
  DetectionConfidence,
  PerEstimator,
  PerReading,
  PerStream,
  SurrogateStart,
} from '../report/report.ts';

/**
 * `cka(u, k)` of each resample [M, M, resamples], per stream, estimator and reading; NaN where it has no value, empty for a
 * reading that was not resampled.
 */
export type ResampledTrajectories = PerStream<PerEstimator<PerReading<Float64Array>>>;

const ESTIMATORS: readonly CkaEstimator[] = ['debiased', 'biased'];
const STARTS: readonly SurrogateStart[] = ['block-u', 'probe-u'];
const TARGETS: readonly CkaTarget[] = ['teacher-after-k', 'teacher-after-u'];

export function detectionShares(
  trajectories: ResampledTrajectories,
  numBlocks: number,
  resamples: number,
  stacks: readonly DeclaredStack[] = [],
): DetectionConfidence[] {
  const choices = ['mean', ...Object.keys(trajectories)];
  return ESTIMATORS.flatMap((estimator) =>
    STARTS.flatMap((start) =>
      TARGETS.flatMap((target) =>
        choices.flatMap((streams): DetectionConfidence[] => {
          const chosen = streams === 'mean' ? Object.values(trajectories) : [trajectories[streams]!];
          const matrices = chosen.map((stream) => stream[estimator][`${start}/${target}`]);
          if (matrices.some(({ length }) => length === 0)) return [];
          return [{ estimator, start, target, streams, ...sharesOf(matrices, numBlocks, resamples, seamsOf(stacks)) }];
        }),
      ),
    ),
  );
}

function sharesOf(
  matrices: readonly Float64Array[],
  numBlocks: number,
  resamples: number,
  seams: readonly number[],
): Pick<DetectionConfidence, 'intervals' | 'breaks'> {
  const ends = Array.from({ length: numBlocks }, (_, u) => seams.find((seam) => seam > u) ?? numBlocks);
  const found = new Uint32Array(numBlocks * numBlocks);
  const broken = new Uint32Array(numBlocks * numBlocks);
  const lastOf = new Uint32Array(numBlocks);
  for (let resample = 0; resample < resamples; resample++) {
    for (let u = 0; u < numBlocks; u++) {
      const last = lastOfRun(matrices, numBlocks, resamples, resample, u, ends[u]!);
      lastOf[u] = last;
      if (last < ends[u]! - 1) broken[u * numBlocks + last] = broken[u * numBlocks + last]! + 1;
    }
    for (let first = 0; first < numBlocks; ) {
      const last = lastOf[first]!;
      if (last > first) found[first * numBlocks + last] = found[first * numBlocks + last]! + 1;
      first = last + 1;
    }
  }
  const entries = (counts: Uint32Array) =>
    [...counts.entries()].flatMap(([at, count]) =>
      count === 0 ? [] : [{ from: Math.floor(at / numBlocks), to: at % numBlocks, share: count / resamples }],
    );
  return {
    intervals: entries(found).map(({ from, to, share }) => ({ first: from, last: to, share })),
    breaks: entries(broken).map(({ from, to, share }) => ({ start: from, block: to, share })),
  };
}

/**
 * What `lastBeforeBreak` of the mean of the streams' differences gives, without making the rows: a report of a deep model
 * has thousands of them per resample.
 */
function lastOfRun(
  matrices: readonly Float64Array[],
  numBlocks: number,
  resamples: number,
  resample: number,
  u: number,
  end: number,
): number {
  const before = new Float64Array(matrices.length).fill(Number.NaN);
  let deltaBefore = Number.NaN;
  for (let k = u; k < end; k++) {
    let [sum, present] = [0, 0];
    for (let stream = 0; stream < matrices.length; stream++) {
      const value = matrices[stream]![(u * numBlocks + k) * resamples + resample]!;
      if (Number.isNaN(value)) continue;
      const earlier = before[stream]!;
      if (!Number.isNaN(earlier)) {
        sum += earlier - value;
        present++;
      }
      before[stream] = value;
    }
    if (k === u || present === 0) continue;
    const delta = sum / present;
    if (delta > deltaBefore) return k - 1;
    deltaBefore = delta;
  }
  return end - 1;
}
