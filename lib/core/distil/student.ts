/**
 * A student in training: one block's weights, started from one of the teacher's blocks and written to a file of its own
 * (docs/student-format.md).
 */
import * as tf from '@tensorflow/tfjs-core';
import { safetensorsLayout } from '../checkpoint/index.ts';
import type { BlockInterval } from '../interval/index.ts';
import { blockAt, convertedWeights, studentBlock, type Transformer, type WeightSet } from '../model/index.ts';
import type { StudentStart } from '../run/settings.ts';
import { HeldOut, type StatesOf } from './stand-in-errors.ts';
import type { TrainingBatches } from './training-data.ts';

/** The teacher block whose weights the student starts from. `best` is measured on the first training batch. */
export async function startBlockOf({
  transformer,
  interval,
  settings,
  batches,
  signal,
  given,
}: {
  readonly transformer: Transformer;
  readonly interval: BlockInterval;
  readonly settings: { readonly start: StudentStart };
  readonly batches: TrainingBatches;
  readonly signal: AbortSignal;
  /** States of training batches; the teacher runs where it is null. */
  readonly given: StatesOf | null;
}): Promise<number> {
  const { first, last } = interval;
  switch (settings.start) {
    case 'first':
      return first;
    case 'middle':
      return Math.floor((first + last) / 2);
    case 'last':
      return last;
    case 'best': {
      const sample = await HeldOut.capture(transformer, [batches.inputs(0)], interval, null, signal, given);
      try {
        return await sample.bestBlock(signal);
      } finally {
        sample.dispose();
      }
    }
  }
}

/**
 * The weights of teacher block `startBlock`, as those of the block that the student is: blocks of a stack may be of several
 * kinds. The caller's own.
 */
export async function startWeights(
  { config, architecture, readBlock }: Transformer,
  interval: BlockInterval,
  startBlock: number,
): Promise<WeightSet> {
  const start = blockAt(architecture, startBlock);
  const isUniform = architecture.blocks.every(({ kind }) => kind === start.kind);
  const weights = await readBlock(startBlock);
  try {
    return convertedWeights(config, weights, start, isUniform ? start : studentBlock(config, interval));
  } finally {
    weights.dispose();
  }
}

/**
 * A safetensors file, F32, matrices [out, in] as diffusers stores them, but for those that `isRow` names, which are stored as they
 * are held; bytes in order, one tensor in memory at a time. The tensors stay the caller's and must live until the last part is taken.
 */
export async function* trainedFileParts(
  tensors: ReadonlyMap<string, tf.Tensor>,
  metadata: Readonly<Record<string, string>>,
  isRow: (name: string) => boolean = () => false,
): AsyncGenerator<Uint8Array> {
  const stored = [...tensors].map(([name, tensor]) => ({
    name,
    dtype: 'F32' as const,
    shape: isRow(name) ? tensor.shape : tensor.shape.toReversed(),
    tensor,
  }));
  const layout = safetensorsLayout(stored, { format: 'pt', ...metadata });
  yield layout.header;
  for (const { name, tensor } of layout.tensors) {
    const turned = tf.tidy(() => (isRow(name) ? tf.clone(tensor) : tf.transpose(tensor)));
    try {
      yield bytesOf(await turned.data<'float32'>());
    } finally {
      turned.dispose();
    }
  }
}

export function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
