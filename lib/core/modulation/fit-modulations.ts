/**
 * Modulation matrices of blocks through a basis that they share, in closed form and one matrix at a time: what the conditioning does
 * over the scheduler's timesteps, what all matrices make of it (shared-basis.ts), and the error that each rank leaves at timesteps
 * that the basis was not made from.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Checkpoint } from '../checkpoint/index.ts';
import type { ModulationEdit } from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import {
  architectureOf,
  blockAt,
  isPart,
  type ModelConfig,
  modulatedBlocks,
  type Transformer,
} from '../model/index.ts';
import { pause } from '../pause.ts';
import { conditioningsAt } from './conditionings.ts';
import { centred, fillUp, leadingSpace, products, type WeightedRows, weightedMean } from './leading-space.ts';
import { product, sharedBasis, squaredErrors } from './shared-basis.ts';
import type { VisitedTimesteps } from './timesteps.ts';

/** What an edit by rank puts in place. */
export interface BasisParts {
  /** [rank, D]: what the conditioning is multiplied by. */
  readonly basis: Float32Array;
  /** [rank, D]: what modulation matrices are multiplied by. */
  readonly directions: Float32Array;
  /** [D]: of the conditioning over the scheduler's timesteps; it goes into the biases. */
  readonly mean: Float32Array;
}

export interface FittedModulations {
  /**
   * ‖M̂ − M‖ / ‖M‖ of the modulations M of all blocks over held-out timesteps, by rank from 0, the mean alone. Ranks above the last leave
   * as much as the last.
   */
  readonly errors: Float64Array;
  readonly width: number;
  /** Share of the conditioning's squared distance from its mean that was not looked at; 0 for narrow models. */
  readonly lost: number;
  /** `rank` from 1 to the width. */
  partsAt(rank: number): BasisParts;
}

export interface FitOptions {
  readonly blocks: ModulationEdit['blocks'];
  readonly timesteps: VisitedTimesteps;
  readonly signal?: AbortSignal;
  /** By matrix. */
  readonly onMatrix?: (done: number, total: number) => void;
  /** `conditioning`: singular vectors of the conditioning itself, whatever matrices make of it. For comparison. */
  readonly of?: 'modulations' | 'conditioning';
}

/** `model` and `transformer` are of one model. */
export async function fitModulations(
  { config, checkpoint }: { readonly config: ModelConfig; readonly checkpoint: Checkpoint },
  transformer: Transformer,
  { blocks, timesteps, signal, onMatrix, of = 'modulations' }: FitOptions,
): Promise<FittedModulations> {
  const { width } = config;
  const rowsAt = async (times: Float32Array): Promise<WeightedRows> => ({
    rows: await conditioningsAt(transformer, times, signal),
    width,
    weights: new Float64Array(times.length).fill(1 / times.length),
  });
  const [fitted, heldOut] = [await rowsAt(timesteps.fitted), await rowsAt(timesteps.heldOut)];
  const mean = weightedMean(fitted);
  const [fitPoints, heldPoints] = [centred(fitted, mean), centred(heldOut, mean)];
  const both = new Float64Array(fitPoints.length + heldPoints.length);
  both.set(fitPoints);
  both.set(heldPoints, fitPoints.length);
  const { directions: space, size, lost } = leadingSpace(both, width);
  const matrices = matricesOf(config, blocks);
  const seen = await gramOf(checkpoint, matrices, { space, size, mean, width, signal, onMatrix });
  const inSpace = (points: Float64Array) => products(points, space, width, size);
  const basis = sharedBasis(inSpace(fitPoints), of === 'modulations' ? seen.gram : identity(size), size);
  const held = inSpace(heldPoints);
  const energy = energyOf(held, seen, size, timesteps.heldOut.length);
  const errors = squaredErrors(held, seen.gram, basis).map((error) => Math.sqrt(Math.max(0, error) / energy));
  return {
    errors,
    width,
    lost,
    partsAt(rank) {
      if (!(Number.isSafeInteger(rank) && rank >= 1 && rank <= width)) throw new RangeError(`No rank ${rank}`);
      const inside = Math.min(rank, size);
      const within = (rows: Float64Array) => product(rows.subarray(0, inside * size), space, inside, size, width);
      const beyond = rank > size ? complement(space, size, rank, width) : new Float64Array();
      return {
        basis: Float32Array.from([...within(basis.reads), ...beyond]),
        directions: Float32Array.from([...within(basis.directions), ...beyond]),
        mean: Float32Array.from(mean),
      };
    },
  };
}

/** The first rank whose held-out error is no more than `error`; null where none of the ranks that were looked at is. */
export function rankWithin({ errors }: Pick<FittedModulations, 'errors'>, error: number): number | null {
  const rank = errors.findIndex((one, r) => r > 0 && one <= error);
  return rank < 0 ? null : rank;
}

interface Layer {
  readonly weight: string;
  readonly bias: string;
  readonly rows: number;
}

/** The modulation matrices of the blocks, by full name. */
export function matricesOf(config: ModelConfig, blocks: ModulationEdit['blocks']): Layer[] {
  const architecture = architectureOf(config);
  return modulatedBlocks(architecture.blocks, { on: 'modulation', blocks, by: { rank: 1 } }).flatMap((index) => {
    const { parts, prefix, tensors } = blockAt(architecture, index);
    if (!parts || !isPart(parts.modulation)) return [];
    return parts.modulation.flatMap(({ matrix }) => {
      const weight = tensors.find(({ name }) => name === `${matrix}.weight`);
      const [rows = 0] = weight?.shape ?? [];
      return weight ? [{ weight: `${prefix}${matrix}.weight`, bias: `${prefix}${matrix}.bias`, rows }] : [];
    });
  });
}

interface Seen {
  /** N = YᵀY [size, size] over all matrices, Y = W·spaceᵀ. */
  readonly gram: Float64Array;
  /** Yᵀ·y [size] and y·y of the modulations y = W·mean + b at the mean. */
  readonly withMean: Float64Array;
  readonly ofMean: number;
}

/** Rows of a matrix that are read at once, in float32 bytes. */
const READ_BYTES = 32 * 2 ** 20;

async function gramOf(
  checkpoint: Checkpoint,
  matrices: readonly Layer[],
  {
    space,
    size,
    mean,
    width,
    signal,
    onMatrix,
  }: Pick<FitOptions, 'signal' | 'onMatrix'> & {
    readonly space: Float64Array;
    readonly size: number;
    readonly mean: Float64Array;
    readonly width: number;
  },
): Promise<Seen> {
  const columns = size + 1;
  const sum = new Float64Array(columns * columns);
  const right = tf.tidy(
    () => tf.transpose(tf.tensor2d(Float32Array.from([...space, ...mean]), [columns, width])) as tf.Tensor2D,
  );
  try {
    for (const [done, { weight, bias, rows }] of matrices.entries()) {
      onMatrix?.(done, matrices.length);
      const biases = await checkpoint.readFloat32(bias);
      const atOnce = Math.max(1, Math.floor(READ_BYTES / (4 * width)));
      for (let from = 0; from < rows; from += atOnce) {
        await pause(signal);
        const to = Math.min(rows, from + atOnce);
        const values = await checkpoint.readFloat32(weight, from * width, to * width);
        const gram = tf.tidy(() => {
          const made = tf.matMul(tf.tensor2d(values, [to - from, width]), right);
          const added = tf.pad(tf.tensor2d(biases.slice(from, to), [to - from, 1]), [
            [0, 0],
            [size, 0],
          ]);
          const both = tf.add(made, added) as tf.Tensor2D;
          return tf.matMul(both, both, true, false);
        });
        const found = await gram.data();
        gram.dispose();
        for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + found[i]!;
      }
    }
    onMatrix?.(matrices.length, matrices.length);
  } finally {
    right.dispose();
  }
  if (!sum.every(Number.isFinite)) {
    throw new ContiguaError('weight-not-finite', 'A modulation matrix is not of finite numbers', {
      found: matrices.length === 1 ? matrices[0]?.weight : `one of ${matrices.length} matrices`,
      expected: 'finite numbers',
    });
  }
  const at = (i: number, j: number) => sum[i * columns + j]!;
  return {
    gram: Float64Array.from({ length: size * size }, (_, i) => at(Math.floor(i / size), i % size)),
    withMean: Float64Array.from({ length: size }, (_, i) => at(i, size)),
    ofMean: at(size, size),
  };
}

/** Σ_t w ‖y + Y c(t)‖² of `points` [count, size], c times the root of w = 1 / count. */
function energyOf(points: Float64Array, { gram, withMean, ofMean }: Seen, size: number, count: number): number {
  let energy = ofMean;
  for (let t = 0; t < count; t++) {
    for (let i = 0; i < size; i++) {
      const x = points[t * size + i]!;
      energy += (2 * x * withMean[i]!) / Math.sqrt(count);
      for (let j = 0; j < size; j++) energy += x * gram[i * size + j]! * points[t * size + j]!;
    }
  }
  return energy;
}

/** Orthonormal rows `size` to `rank`, orthogonal to the first `size`. */
function complement(space: Float64Array, size: number, rank: number, width: number): Float64Array {
  const rows = new Float64Array(rank * width);
  rows.set(space);
  fillUp(rows, rank, width);
  return rows.subarray(size * width);
}

function identity(size: number): Float64Array {
  return Float64Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
}
