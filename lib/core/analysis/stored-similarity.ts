/** What was compared of one stream over some of its rows, as finished pieces in a store. */
import type { PerEstimator, PerReading, Similarity } from '../report/report.ts';
import { floatsPiece, jsonPiece, putFloats, putJson, type StateStore } from '../states/index.ts';
import type { ResampledSimilarity } from './resampled-similarity.ts';
import { ESTIMATORS, READINGS } from './similarity-matrices.ts';

export interface ComparedRows {
  readonly similarity: Similarity;
  readonly resampled: ResampledSimilarity | null;
}

interface Piece {
  readonly similarity: Similarity;
  readonly resampled: Omit<ResampledSimilarity, 'trajectories'> | null;
  /** Of each estimator and reading, in the order of both lists. */
  readonly lengths: readonly number[];
}

export async function putCompared(
  store: StateStore,
  key: string,
  { similarity, resampled }: ComparedRows,
): Promise<void> {
  const { trajectories = null, ...rest } = resampled ?? {};
  const arrays = trajectories
    ? ESTIMATORS.flatMap((estimator) => READINGS.map((reading) => trajectories[estimator][reading]))
    : [];
  const all = new Float64Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const values of arrays) {
    all.set(values, at);
    at += values.length;
  }
  // NaN is not JSON.
  await putFloats(store, `${key}-resamples`, all);
  const piece: Piece = {
    similarity,
    resampled: resampled && (rest as Piece['resampled']),
    lengths: arrays.map(({ length }) => length),
  };
  await putJson(store, key, piece);
}

export async function comparedPiece(store: StateStore, key: string): Promise<ComparedRows | null> {
  const piece = await jsonPiece<Piece>(store, key);
  const all = piece && (await floatsPiece(store, `${key}-resamples`));
  if (!piece || !all) return null;
  if (!piece.resampled) return { similarity: piece.similarity, resampled: null };
  let at = 0;
  const lengths = [...piece.lengths];
  const next = () => {
    const from = at;
    at += lengths.shift() ?? 0;
    return all.slice(from, at);
  };
  const trajectories = Object.fromEntries(
    ESTIMATORS.map((estimator) => [estimator, Object.fromEntries(READINGS.map((reading) => [reading, next()]))]),
  ) as PerEstimator<PerReading<Float64Array>>;
  return { similarity: piece.similarity, resampled: { ...piece.resampled, trajectories } };
}
