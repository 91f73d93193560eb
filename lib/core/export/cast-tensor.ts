/**
 * Trained weights in the type that the teacher stores. Students are F32; a BF16 model gets them rounded to nearest even,
 * as PyTorch casts. Every value is looked at on the way: what is not finite, or not in the narrower type, never leaves.
 */
import type { BlobLike, StoredDType } from '../checkpoint/index.ts';
import { ContiguaError } from '../errors.ts';
import { DTYPE_BITS } from '../tensor/dtype.ts';
import { fromFloat32 } from '../tensor/float.ts';
import { lazyBlob } from './lazy-blob.ts';

export type TrainedDType = 'F32' | 'F16' | 'BF16';

/** What a trained tensor is stored in where the teacher's is `teacher`: the same, F32 for F64 as nothing finer was trained, BF16 for 8 bits and fewer, which hold too little. */
export function trainedDType(teacher: StoredDType): TrainedDType {
  if (teacher === 'F32' || teacher === 'F64') return 'F32';
  return teacher === 'F16' ? 'F16' : 'BF16';
}

/** What a teacher's weight is written in that diffusers cannot load as it is stored. */
export function decodedDType(wanted: 'teacher' | 'F32'): TrainedDType {
  return wanted === 'F32' ? 'F32' : 'BF16';
}

interface Place {
  /** What the values are, for messages; trained weights unless it says otherwise. */
  readonly decoded?: true;
  readonly file: string;
  readonly tensor: string;
}

/** `source` holds F32; the result its values in `dtype`. */
export function castTensor(source: BlobLike, dtype: TrainedDType, place: Place): BlobLike {
  const itemBytes = DTYPE_BITS[dtype] / 8;
  return lazyBlob((source.size / 4) * itemBytes, async (start, end) => {
    const [first, last] = [Math.floor(start / itemBytes), Math.ceil(end / itemBytes)];
    const buffer = await source.slice(4 * first, 4 * last).arrayBuffer();
    if (buffer.byteLength !== 4 * (last - first)) {
      const { file, tensor } = place;
      throw new ContiguaError('checkpoint-incomplete', 'The file ended early', { file, tensor });
    }
    const values = new Float32Array(buffer);
    checkValues(values, dtype, first, place);
    return fromFloat32(values, dtype).subarray(start - first * itemBytes, end - first * itemBytes);
  });
}

/** The first magnitude that rounds to infinity: half a unit in the last place above the largest finite number. */
const OVERFLOW = { F32: Number.POSITIVE_INFINITY, F16: 65_520, BF16: (2 - 2 ** -8) * 2 ** 127 } as const;

export function checkValues(values: Float32Array, dtype: TrainedDType, offset: number, place: Place): void {
  const limit = OVERFLOW[dtype];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (Math.abs(value) < limit) continue;
    const isNumber = Number.isFinite(value);
    const weight = place.decoded ? 'A decoded weight' : 'A trained weight';
    throw new ContiguaError(
      'weight-not-finite',
      isNumber ? `${weight} is too large for ${dtype}` : `${weight} is not a finite number`,
      {
        file: place.file,
        tensor: place.tensor,
        found: `${value} at element ${offset + i}`,
        expected: isNumber ? `magnitudes below ${limit}` : 'finite numbers',
        hint: isNumber
          ? 'Export in F32.'
          : place.decoded
            ? 'The model’s file is damaged; download it again.'
            : 'The training diverged: train this interval again with a lower learning rate.',
      },
    );
  }
}
