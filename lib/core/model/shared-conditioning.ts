/**
 * What the matrices of shared modulations read: products of the conditioning with a basis, or which column of a table a timestep is.
 * Made once per forward.
 */
import * as tf from '@tensorflow/tfjs-core';
import { ContiguaError } from '../errors.ts';
import type { SharedModulation } from './architecture.ts';
import type { Conditioning } from './dual-block.ts';
import { linear } from './layers.ts';
import { basisName } from './shared-modulation.ts';
import type { WeightSet } from './weights.ts';

export interface TimedConditioning {
  readonly whole: Conditioning;
  /** Of the rows of `whole.conditioning`, in the unit of diffusers' `timestep`. */
  readonly timesteps: Float32Array;
  /** Of the rows of `whole.imageTimes.conditioning`. */
  readonly imageTimesteps: Float32Array | null;
}

/** The caller owns the tensors (`disposeShared`), but for `choice` of `imageTimes`. Throws `inputs-invalid` for a timestep that a table has not. */
export function sharedConditionings(
  modulations: readonly SharedModulation[],
  { whole, timesteps, imageTimesteps }: TimedConditioning,
  globals: WeightSet,
): readonly Conditioning[] {
  const { conditioning, imageTimes } = whole;
  // Before any tensor is made, so that a refusal leaves none behind.
  const columns = modulations.map((by) =>
    'timesteps' in by
      ? {
          own: columnsOf(by.timesteps, timesteps),
          ofImages: imageTimesteps && columnsOf(by.timesteps, imageTimesteps),
          count: by.timesteps.length,
        }
      : null,
  );
  return columns.map((table, place) => {
    const basis = table ? null : globals.linear(basisName(place));
    const read = (rows: tf.Tensor2D, inTable: Int32Array | null | undefined): tf.Tensor2D => {
      if (basis) return tf.tidy(() => linear(rows, basis));
      return tf.tidy(
        () => tf.cast(tf.oneHot(tf.tensor1d(inTable ?? [], 'int32'), table?.count ?? 0), 'float32') as tf.Tensor2D,
      );
    };
    return {
      conditioning: read(conditioning, table?.own),
      imageTimes: imageTimes
        ? { conditioning: read(imageTimes.conditioning, table?.ofImages), choice: imageTimes.choice }
        : null,
    };
  });
}

export function disposeShared(shared: readonly Conditioning[]): void {
  for (const { conditioning, imageTimes } of shared) {
    conditioning.dispose();
    imageTimes?.conditioning.dispose();
  }
}

/** Timesteps pass through float32, and through a division and a product by 1000 in pipelines. */
const SAME_TIMESTEP = 2e-6;

/** Column of each time; the nearest timestep of the table is the one where it is the same but for rounding. */
function columnsOf(table: readonly number[], times: Float32Array): Int32Array {
  return Int32Array.from(times, (time) => {
    const distances = table.map((one) => Math.abs(one - time));
    const column = distances.indexOf(Math.min(...distances));
    if (distances[column]! <= SAME_TIMESTEP * Math.max(1, Math.abs(time))) return column;
    throw new ContiguaError('inputs-invalid', 'The model has modulations for other timesteps alone', {
      tensor: 'timestep',
      found: String(time),
      expected: wordsOf(table),
      hint: 'Draw with the schedule that its table was made for, or share modulations by a basis, which takes every timestep.',
    });
  });
}

function wordsOf(table: readonly number[]): string {
  const shown = table.slice(0, 12).map((time) => Number(time.toPrecision(6)));
  return `${shown.join(', ')}${table.length > shown.length ? ` and ${table.length - shown.length} others` : ''}`;
}
