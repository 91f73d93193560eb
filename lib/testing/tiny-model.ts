/**
 * A two-block model whose weights are a hash of their place, as the files of a diffusers folder, and inputs for it: what
 * tests of the worker and the terminal run on. Its output on these inputs is golden case Q1.
 */
import { type TensorToWrite, writeSafetensors } from '../core/checkpoint/index.ts';
import { extraInputsOf, type GoldenCase, hiddenStatesOf, shapeOf } from '../core/model/index.ts';
import { goldenQ1 } from '../core/model/qwen-image/goldens.ts';
import { fromFloat32 } from '../core/tensor/index.ts';

export interface TinyModel {
  /** By path. */
  readonly files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>;
  readonly inputs: Uint8Array<ArrayBuffer>;
  readonly expected: Float32Array;
}

/** `change` edits the tensors before they are written, for files that are wrong in one place; `golden` is Q1 unless given. */
export async function tinyModel(
  change: (tensors: TensorToWrite[]) => TensorToWrite[] = (all) => all,
  golden: GoldenCase = goldenQ1(),
): Promise<TinyModel> {
  const { config, checkpoint, expected } = golden;
  const tensors: TensorToWrite[] = [];
  for (const { name, shape } of checkpoint.tensors.values()) {
    tensors.push({ name, dtype: 'F32', shape, bytes: await checkpoint.readBytes(name) });
  }
  return {
    files: {
      'config.json': new TextEncoder().encode(JSON.stringify(config.raw)),
      'diffusion_pytorch_model.safetensors': new Uint8Array(writeSafetensors(change(tensors))),
    },
    inputs: forwardFile(golden),
    expected,
  };
}

/** The inputs under the names of diffusers' arguments; `change` edits the tensors before they are written. */
export function forwardFile(
  { config, inputs }: Pick<GoldenCase, 'config' | 'inputs'>,
  change: (tensors: TensorToWrite[]) => TensorToWrite[] = (all) => all,
): Uint8Array<ArrayBuffer> {
  const { batch, textTokens, extra, imageShapes } = inputs;
  const hidden = hiddenStatesOf(inputs, config);
  const input = (name: string, shape: readonly number[], values: Float32Array): TensorToWrite => ({
    name,
    dtype: 'F32',
    shape,
    bytes: fromFloat32(values, 'F32'),
  });
  const tensors = [
    input('hidden_states', hidden.shape, hidden.values),
    input('encoder_hidden_states', [batch, textTokens, config.textDim], inputs.encoderHiddenStates),
    input('timestep', [batch], inputs.timestep),
    ...extraInputsOf(config).map((one) => input(one.name, shapeOf(one, inputs), extra[one.name]!.values)),
  ];
  const metadata: Record<string, string> = imageShapes ? { img_shapes: JSON.stringify(imageShapes) } : {};
  return new Uint8Array(writeSafetensors(change(tensors), metadata));
}
