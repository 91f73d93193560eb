/** What original layouts read from a file's shapes: sides of a tensor, and how many blocks a list has. */
import { ContiguaError } from '../errors.ts';
import { MAX_BLOCKS } from './config-values.ts';
import type { LayoutTensors } from './original-layout.ts';

/** The side of a tensor that the layout cannot lack; throws `weight-missing` or `weight-misshapen`. */
export function sideOf(tensors: LayoutTensors, name: string, side: number, file: string): number {
  const shape = tensors.get(name)?.shape;
  if (!shape) {
    throw new ContiguaError('weight-missing', 'A weight is missing', {
      file,
      tensor: name,
      found: 'no such tensor',
      expected: 'it, to tell the sizes of the model',
      hint: 'The file is incomplete; download it again.',
    });
  }
  const found = shape[side];
  if (found !== undefined && found > 0) return found;
  throw new ContiguaError('weight-misshapen', 'A weight has the wrong shape', {
    file,
    tensor: name,
    found: `[${shape.join(', ')}]`,
    expected: `at least ${side + 1} dimensions, none of them 0`,
  });
}

/** Blocks `prefix0.`, `prefix1.`, … that hold `tensor`, up to the first gap: those behind one are told as left over later. */
export function blocksOf(tensors: LayoutTensors, prefix: string, tensor: string): number {
  let count = 0;
  while (count < MAX_BLOCKS && tensors.has(`${prefix}${count}.${tensor}`)) count++;
  return count;
}

/** Heads of `headDim` that make up `width`; throws `weight-misshapen`. */
export function headsOf(width: number, headDim: number, tensor: string, file: string): number {
  if (width % headDim === 0) return width / headDim;
  throw new ContiguaError('weight-misshapen', 'The size of a head does not divide the width', {
    file,
    tensor,
    found: `${headDim} of ${width}`,
    expected: 'a divisor',
  });
}

/** What a file without config.json cannot say: rotary dimensions of heads of another size than the published model's. */
export function refuseHeadDim(headDim: number, published: number, tensor: string, file: string): void {
  if (headDim === published) return;
  throw new ContiguaError('config-invalid', 'The file does not say how positions are divided between the axes', {
    file,
    tensor,
    found: `heads of ${headDim}`,
    expected: `heads of ${published}, as published, or a config.json with \`axes_dims_rope\` beside the file`,
    hint: 'Put the config.json of the model’s `transformer` folder beside the file, in a folder of its own.',
  });
}
