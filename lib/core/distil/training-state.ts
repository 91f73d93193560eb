/**
 * Everything that a run needs to go on bit for bit: weights, both moments, the average, and the step. Batches follow from
 * the seed and the step's number, so there is no random state. A safetensors file, F32, vectors by group of the layout.
 */
import * as tf from '@tensorflow/tfjs-core';
import { type NamedBlob, openFile, safetensorsLayout } from '../checkpoint/index.ts';
import { ContiguaError } from '../errors.ts';
import type { OptimizerVectors } from './adamw.ts';
import type { FlatParameters, ParameterLayout } from './parameters.ts';
import { bytesOf } from './student.ts';

export interface TrainingState {
  /** Optimizer steps done. */
  readonly step: number;
  /** The caller's own. */
  readonly vectors: OptimizerVectors;
}

const KIND = 'contigua.kind';
const TASK = 'contigua.task';
const STEP = 'contigua.step';
const VECTORS = ['weights', 'firstMoment', 'secondMoment', 'average'] as const;

/** `task` names everything that the state depends on; a state of another task is refused. The vectors stay the caller's. */
export async function* stateParts({ step, vectors }: TrainingState, task: string): AsyncGenerator<Uint8Array> {
  const stored = VECTORS.flatMap((kind) =>
    (vectors[kind] ?? []).map((tensor, group) => ({
      name: `${kind}.${group}`,
      dtype: 'F32' as const,
      shape: tensor.shape,
      tensor,
    })),
  );
  const layout = safetensorsLayout(stored, { [KIND]: 'training-state', [TASK]: task, [STEP]: String(step) });
  yield layout.header;
  for (const { tensor } of layout.tensors) yield bytesOf(await tensor.data<'float32'>());
}

export async function readState(
  file: NamedBlob,
  task: string,
  layout: ParameterLayout,
  withAverage: boolean,
): Promise<TrainingState> {
  const checkpoint = await openFile(file);
  const invalid = (found: string, expected: string) =>
    new ContiguaError('training-state-invalid', 'This is not a checkpoint of this training', {
      file: file.path,
      found,
      expected,
      hint: 'Start the interval again from the beginning.',
    });
  const kind = checkpoint.metadata.get(KIND);
  if (kind !== 'training-state') throw invalid(`${KIND}: ${kind ?? 'nothing'}`, 'training-state');
  const foundTask = checkpoint.metadata.get(TASK);
  if (foundTask !== task) throw invalid(foundTask ?? 'nothing', task);
  const step = Number(checkpoint.metadata.get(STEP));
  if (!Number.isSafeInteger(step) || step < 1) throw invalid(`step ${checkpoint.metadata.get(STEP)}`, 'a whole number');
  const made: tf.Tensor1D[] = [];
  const vectors = async (name: (typeof VECTORS)[number]): Promise<FlatParameters> => {
    const groups: tf.Tensor1D[] = [];
    for (const [group, members] of layout.entries()) {
      const size = members.reduce((sum, tensor) => sum + tensor.size, 0);
      const info = checkpoint.tensors.get(`${name}.${group}`);
      if (info?.shape.join() !== String(size)) {
        throw invalid(`${name}.${group} ${info ? `[${info.shape.join(', ')}]` : 'missing'}`, `[${size}]`);
      }
      const tensor = tf.tensor1d(await checkpoint.readFloat32(`${name}.${group}`));
      made.push(tensor);
      groups.push(tensor);
    }
    return groups;
  };
  try {
    return {
      step,
      vectors: {
        weights: await vectors('weights'),
        firstMoment: await vectors('firstMoment'),
        secondMoment: await vectors('secondMoment'),
        average: withAverage ? await vectors('average') : null,
      },
    };
  } catch (thrown) {
    tf.dispose(made);
    throw thrown;
  }
}
