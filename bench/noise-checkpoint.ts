/**
 * A checkpoint of any size that lies nowhere: its weights are noise, made when they are read, so that one block of a
 * full-width model costs what that block weighs. The same numbers on every machine and engine.
 */
import { checkpointOf } from '../lib/core/checkpoint/inventory.ts';
import type { BlobLike, Checkpoint, TensorInfo } from '../lib/core/checkpoint/types.ts';
import { elementsOf } from '../lib/core/model/architecture.ts';
import { expectedTensors } from '../lib/core/model/counts.ts';
import { goldenValue } from '../lib/core/model/golden-fill.ts';
import type { ModelConfig } from '../lib/core/model/index.ts';

const FILE = 'noise.safetensors';
const BYTES = Float32Array.BYTES_PER_ELEMENT;
const AMPLITUDE = 0.2;
/** Values before the noise comes again: a prime, so that no row of a matrix equals another. */
export const PERIOD = 1_000_003;

export function noiseCheckpoint(config: ModelConfig): Checkpoint {
  const noise = Float32Array.from({ length: PERIOD }, (_, k) => AMPLITUDE * goldenValue(k, 0));
  const tensors = new Map<string, TensorInfo>();
  let position = 0;
  for (const { name, shape } of expectedTensors(config)) {
    const end = position + BYTES * elementsOf(shape);
    tensors.set(name, { name, dtype: 'F32', shape, file: FILE, start: position, end });
    position = end;
  }
  return checkpointOf(new Map([[FILE, noiseBlob(noise, 0, position)]]), tensors, new Map());
}

/** Bytes `from` to `to` of the noise, each a multiple of four: only whole values are read. */
function noiseBlob(noise: Float32Array, from: number, to: number): BlobLike {
  return {
    size: to - from,
    slice: (start = 0, end = to - from) => noiseBlob(noise, from + start, from + end),
    async arrayBuffer() {
      const values = new Float32Array((to - from) / BYTES);
      let at = (from / BYTES) % noise.length;
      for (let done = 0; done < values.length; at = 0) {
        const part = noise.subarray(at, at + values.length - done);
        values.set(part, done);
        done += part.length;
      }
      return values.buffer;
    },
  };
}
