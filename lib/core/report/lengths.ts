/** Every list of a report that has one entry per block, and every row of a matrix of blocks: its place and its length. */
import { printable } from '../printable.ts';
import type { Matrix, MatrixBounds, PerStream, Proxies, StreamAnalysis } from './report.ts';

/** What reports of every version have one of per block. */
export interface OneOfBlocks {
  readonly model: { readonly numBlocks: number; readonly blocks?: readonly unknown[] };
  readonly blockMs: readonly unknown[];
  readonly directionErrors?: Matrix;
  /** Versions 1 and 2 had the similarities beside the probes. */
  readonly streams: PerStream<Pick<StreamAnalysis, 'probeR2' | 'probeError'> & (Compared | StreamAnalysis)>;
  readonly proxies?: Proxies | null;
}

interface Compared {
  readonly cka: Readonly<Record<string, Matrix>>;
  readonly trajectories: Readonly<Record<string, Readonly<Record<string, Matrix>>>>;
}
type Length = { readonly path: string; readonly length: number };

export function* lengthsOf({ blockMs, model, directionErrors, streams, proxies }: OneOfBlocks): Generator<Length> {
  yield { path: 'blockMs', length: blockMs.length };
  if (model.blocks) yield { path: 'model.blocks', length: model.blocks.length };
  if (directionErrors) yield* rowsOf('directionErrors', directionErrors);
  if (proxies) yield* proxiesOf(proxies);
  for (const [stream, analysis] of Object.entries(streams)) {
    const at = `streams.${printable(stream)}`;
    yield* probesOf(at, analysis);
    if ('similarity' in analysis) yield* measuredOf(at, analysis);
    else yield* similarityOf(at, analysis);
  }
}

function* proxiesOf({ intervals, ...ofBlocks }: Proxies): Generator<Length> {
  for (const [name, perStream] of Object.entries(ofBlocks)) {
    for (const [stream, { length }] of Object.entries(perStream)) {
      yield { path: `proxies.${name}.${printable(stream)}`, length };
    }
  }
  for (const [name, matrix] of Object.entries(intervals)) yield* rowsOf(`proxies.intervals.${name}`, matrix);
}

function* measuredOf(at: string, { similarity, probeBounds, bands }: StreamAnalysis): Generator<Length> {
  for (const [key, values] of Object.entries(probeBounds ?? {})) {
    yield { path: `${at}.probeBounds.${key}`, length: values.length };
  }
  for (const [rows, one] of Object.entries(similarity)) {
    if (!one) continue;
    yield* similarityOf(`${at}.similarity.${rows}`, one);
    if (one.bounds) yield* similarityOf(`${at}.similarity.${rows}.bounds`, one.bounds);
  }
  for (const [band, one] of bands.entries()) {
    yield* probesOf(`${at}.bands[${band}]`, one);
    yield* similarityOf(`${at}.bands[${band}].similarity`, one.similarity);
    if (one.similarity.bounds) yield* similarityOf(`${at}.bands[${band}].similarity.bounds`, one.similarity.bounds);
  }
}

function* probesOf(
  at: string,
  { probeR2, probeError }: Pick<StreamAnalysis, 'probeR2' | 'probeError'>,
): Generator<Length> {
  yield { path: `${at}.probeR2`, length: probeR2.length };
  yield { path: `${at}.probeError`, length: probeError.length };
}

interface Matrices {
  readonly cka: Readonly<Record<string, Matrix | MatrixBounds>>;
  readonly trajectories: Readonly<Record<string, Readonly<Record<string, Matrix | MatrixBounds>>>>;
}

function* similarityOf(at: string, { cka, trajectories }: Matrices): Generator<Length> {
  for (const [estimator, matrix] of Object.entries(cka)) yield* boundedRowsOf(`${at}.cka.${estimator}`, matrix);
  for (const [estimator, readings] of Object.entries(trajectories)) {
    for (const [reading, matrix] of Object.entries(readings)) {
      yield* boundedRowsOf(`${at}.trajectories.${estimator}["${reading}"]`, matrix);
    }
  }
}

function* boundedRowsOf(path: string, matrix: Matrix | MatrixBounds): Generator<Length> {
  if (!('low' in matrix)) return yield* rowsOf(path, matrix);
  yield* rowsOf(`${path}.low`, matrix.low);
  yield* rowsOf(`${path}.high`, matrix.high);
}

function* rowsOf(path: string, matrix: Matrix): Generator<Length> {
  yield { path, length: matrix.length };
  for (const [row, values] of matrix.entries()) yield { path: `${path}[${row}]`, length: values.length };
}
