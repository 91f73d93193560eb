/** What the trainings of whole models aim at: the teacher's output (velocity). */
import * as tf from '@tensorflow/tfjs-core';
import type { Transformer, TransformerInputs } from '../model/index.ts';

/** [B, Ni, p²·out]; the caller's. */
export async function teacherOutput(transformer: Transformer, inputs: TransformerInputs): Promise<tf.Tensor3D> {
  const output = await transformer.forward(inputs);
  return tf.tensor3d(output, [inputs.batch, inputs.imageTokens, output.length / (inputs.batch * inputs.imageTokens)]);
}
