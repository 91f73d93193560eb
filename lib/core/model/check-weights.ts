/** A checkpoint against its config, before anything runs: every tensor present, of its shape and a float dtype, no block left over. */
import { isReadable, unreadable } from '../checkpoint/stored-dtype.ts';
import type { Checkpoint, TensorInfo } from '../checkpoint/types.ts';
import { ContiguaError } from '../errors.ts';
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
    // First: a type that is not read may have a shape of its own.
    if (!isReadable(info.dtype)) throw unreadable(info.dtype, { file: info.file, tensor: nameInFile(info) });
    if (info.shape.join() !== shape.join()) {
      throw new ContiguaError('weight-misshapen', 'A weight has the wrong shape', {
        file: info.file,
        tensor: nameInFile(info),
        found: `[${info.shape.join(', ')}]`,
        expected: `[${shape.join(', ')}] by config.json`,
        hint: 'Config and weights belong to different models.',
      });
    }
  }
  refuseLeftovers(checkpoint, config, expected);
}

/** "double_blocks.0.img_mlp.0.weight (transformer_blocks.0.ff.net.0.proj.weight)" */
function nameInFile({ name, storedAs }: TensorInfo): string {
  return storedAs === undefined ? name : `${storedAs} (${name})`;
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
  }
}
