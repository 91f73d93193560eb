/** What the capture of a trace will take, from one block that is read and run; nothing is fitted or compared. */
import { type Calibration, countsOf, passBytes } from '../capture/index.ts';
import { ContiguaError } from '../errors.ts';
import type { Transformer } from '../model/index.ts';
import { shownBytes } from '../states/index.ts';
import {
  type AnalysisEstimate,
  type AnalysisLimits,
  BASE_BYTES,
  type EstimateOptions,
  largestBatchBytes,
  largestBlock,
  measureBlock,
} from './estimate.ts';
import { bytesOfRows } from './estimate-figures.ts';
import { Pace } from './pace.ts';

export interface CaptureEstimate
  extends Pick<AnalysisEstimate, 'tokens' | 'storedBytes' | 'memoryBytes' | 'readBytes'> {
  readonly seconds: Pick<AnalysisEstimate['seconds'], 'weights' | 'forward'>;
  /** Of the files that are written. */
  readonly writtenBytes: number;
  readonly limits: Pick<AnalysisLimits, 'engineBytes'>;
}

export interface CaptureToEstimate
  extends Pick<EstimateOptions, 'signal' | 'memoryBytes' | 'inFiles' | 'blockBytes' | 'meter'> {
  /** States around intervals, of every token. */
  readonly wholeStates: number;
  /** Of a value in the files. */
  readonly valueBytes: number;
}

/** Rejects with `too-large` where `memoryBytes` is too little. */
export async function estimateCapture(
  transformer: Transformer,
  calibration: Calibration,
  { signal, memoryBytes, inFiles, blockBytes, meter, wholeStates, valueBytes }: CaptureToEstimate,
): Promise<CaptureEstimate> {
  const { architecture, config } = transformer;
  const { streams } = architecture;
  const { width, numBlocks } = config;
  const before = meter?.now() ?? BASE_BYTES;
  const { readSeconds, sampleSeconds } = await measureBlock(transformer, calibration, new Pace(signal));
  transformer.releaseBlocks();
  const measuredPeak = meter?.peak() ?? before + largestBlock(transformer) * 1.6;

  const tokens = countsOf(calibration.rows);
  const rowBytes = bytesOfRows({ width, rows: tokens });
  const all = passBytes(calibration, streams, width);
  const batchBytes = largestBatchBytes(transformer, calibration);
  // While a block runs: the rows after it, as they are gathered, stored and written.
  const running = measuredPeak + 3 * rowBytes;
  const least = running + (inFiles ? 2 * batchBytes : all);
  if (least > memoryBytes) {
    throw new ContiguaError('too-large', 'The capture does not fit the memory that is allowed', {
      found: `${shownBytes(memoryBytes)} allowed`,
      expected: `at least ${shownBytes(least)}`,
      hint: inFiles
        ? 'Allow more memory (--memory), or capture fewer or smaller samples.'
        : 'Allow more memory (--memory), name a folder for states (--states), or capture fewer or smaller samples.',
    });
  }
  const engineBytes = memoryBytes - running;
  const states = rowBytes * (numBlocks + 1);
  const whole = all * wholeStates;
  return {
    tokens,
    seconds: {
      weights: readSeconds * numBlocks,
      forward: sampleSeconds * calibration.levels.length * numBlocks,
    },
    readBytes: blockBytes,
    storedBytes: whole + (inFiles ? states + 2 * all : 0),
    writtenBytes: ((states + whole) / 4) * valueBytes,
    memoryBytes: Math.max(meter?.taken?.() ?? 0, running + (all > engineBytes ? 2 * batchBytes : all)),
    limits: { engineBytes },
  };
}
