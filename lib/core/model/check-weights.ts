/** A checkpoint against its config, before anything runs: every tensor present, of its shape and a float dtype, no block left over. */
import type { Checkpoint } from '../checkpoint/types.ts';
import { ContiguaError } from '../errors.ts';
import { isFloatDType } from '../tensor/float.ts';
import type { ModelConfig } from './architecture.ts';
import { architectureOf, type ExpectedTensor, expectedTensors } from './counts.ts';

/** Every expected tensor but buffers is there, each has its shape and a float dtype, and no block is left over. */
export function checkWeights(checkpoint: Checkpoint, config: ModelConfig): void {
  const file = checkpoint.files.map((f) => f.path).join(', ');
  const expected = expectedTensors(config);
  const missing = expected.filter(({ name, buffer }) => !buffer && !checkpoint.tensors.has(name));
  const [first] = missing;
  if (first) {
    throw new ContiguaError('weight-missing', 'A weight is missing', {
      file,
      tensor: first.name,
      found: missing.length > 1 ? `${missing.length} of ${expected.length} tensors missing` : 'no such tensor',
      expected: `[${first.shape.join(', ')}]`,
      hint: 'Config and weights belong to different models, or the checkpoint is incomplete.',
    });
  }
  for (const { name, shape } of expected) {
    const info = checkpoint.tensors.get(name);
    if (!info) continue;
    if (info.shape.join() !== shape.join()) {
      throw new ContiguaError('weight-misshapen', 'A weight has the wrong shape', {
        file: info.file,
        tensor: name,
        found: `[${info.shape.join(', ')}]`,
        expected: `[${shape.join(', ')}] by config.json`,
        hint: 'Config and weights belong to different models.',
      });
    }
    if (!isFloatDType(info.dtype)) {
      throw new ContiguaError('checkpoint-unsupported', 'A weight is stored in a type that is not supported', {
        file: info.file,
        tensor: name,
        found: info.dtype,
        expected: 'BF16, F16, F32, F64 or plain F8_E4M3',
        hint: 'Convert the checkpoint to BF16 first.',
      });
    }
  }
  refuseLeftovers(checkpoint, config, expected);
}

/** Tensors that would change the result if they were honoured; others are ignored, as diffusers ignores them. */
function refuseLeftovers(checkpoint: Checkpoint, config: ModelConfig, expected: readonly ExpectedTensor[]): void {
  const { stacks } = architectureOf(config);
  const known = new Set(expected.map(({ name }) => name));
  for (const { name, file } of checkpoint.tensors.values()) {
    if (known.has(name)) continue;
    const stack = stacks.find(({ prefix }) => name.startsWith(prefix));
    const block = stack && /^(\d+)\./.exec(name.slice(stack.prefix.length))?.[1];
    if (stack && block !== undefined && Number(block) > stack.last - stack.first) {
      throw new ContiguaError('weight-misshapen', 'The checkpoint has more blocks than its config.json', {
        file,
        tensor: name,
        found: `block ${block} of ${stack.prefix}*`,
        expected: `blocks 0 to ${stack.last - stack.first}`,
        hint: 'Config and weights belong to different models.',
      });
    }
    if (/(^|\.)(scaled_fp8|scale_weight|weight_scale)$/.test(name)) {
      throw new ContiguaError('checkpoint-unsupported', 'Scaled 8-bit weights are not supported', {
        file,
        tensor: name,
        expected: 'BF16, F16, F32, or F8_E4M3 without scales',
        hint: 'Use the BF16 version of the model.',
      });
    }
  }
}
