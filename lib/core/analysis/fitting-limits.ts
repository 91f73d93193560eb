/**
 * How much may wait on the engine while linear maps are fitted and edits are measured, without an analysis: one block is read and
 * run, and one map is fitted, for the memory that they take. What an analysis compares is not counted.
 */
import type { Calibration } from '../capture/index.ts';
import { ContiguaError } from '../errors.ts';
import type { Transformer } from '../model/index.ts';
import { FLOAT_BYTES, shownBytes } from '../states/index.ts';
import {
  type AnalysisLimits,
  BASE_BYTES,
  type EstimateOptions,
  largestBatchBytes,
  largestBlock,
  measureBlock,
} from './estimate.ts';
import { probeOnNoise } from './estimate-figures.ts';
import { splitRows } from './held-out.ts';
import { judgedRows } from './judged-rows.ts';
import { Pace } from './pace.ts';

/** Rejects with `too-large` where `memoryBytes` is too little. */
export async function fittingLimits(
  transformer: Transformer,
  calibration: Calibration,
  { signal, memoryBytes, meter }: Pick<EstimateOptions, 'signal' | 'memoryBytes' | 'meter'>,
): Promise<Pick<AnalysisLimits, 'engineBytes'>> {
  const { width } = transformer.config;
  const pace = new Pace(signal);
  const split = splitRows(calibration);
  const rowsOf = (id: string) => calibration.rows[id]?.length ?? 0;
  const before = meter?.now() ?? BASE_BYTES;
  await measureBlock(transformer, calibration, pace, 1);
  const [largest] = transformer.architecture.streams.map(({ id }) => id).sort((a, b) => rowsOf(b) - rowsOf(a));
  if (largest !== undefined) {
    const [fit, heldOut] = [split.fit[largest]!.length, split.heldOut[largest]!.length];
    if (fit > 0) await probeOnNoise(width, fit, heldOut, judgedRows(calibration, split), largest, pace)();
  }
  transformer.releaseBlocks();
  const measuredPeak = meter?.peak() ?? before + largestBlock(transformer) * 1.6;

  const rowBytes = FLOAT_BYTES * width * Object.values(calibration.rows).reduce((sum, { length }) => sum + length, 0);
  // The rows before and after a block beside what was measured.
  const running = measuredPeak + 3 * rowBytes;
  const least = running + 2 * largestBatchBytes(transformer, calibration);
  if (least <= memoryBytes) return { engineBytes: memoryBytes - running };
  throw new ContiguaError('too-large', 'Fitting linear maps does not fit the memory that is allowed', {
    found: `${shownBytes(memoryBytes)} allowed`,
    expected: `at least ${shownBytes(least)}`,
    hint: 'Allow more memory (--memory), or fit them on fewer or smaller samples.',
  });
}
