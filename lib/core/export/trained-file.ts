/**
 * What training leaves: a student (one block, names without a block's prefix) or the fine-tuned model (names of the
 * student model). Checked against teacher, interval and shapes before anything is made from it; docs/student-format.md.
 */
import {
  type BlobLike,
  type NamedBlob,
  readRange,
  readSafetensorsHeader,
  type SafetensorsHeader,
  type TensorInfo,
} from '../checkpoint/index.ts';
import { compareEdits, type Edit, editKey } from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import { type BlockInterval, formatIntervalKeys } from '../interval/index.ts';
import type { ExpectedTensor, TensorSpec } from '../model/config-index.ts';
import { checkValues } from './cast-tensor.ts';

/** Keys of the safetensors metadata. */
export const TRAINED_METADATA = {
  kind: 'contigua.kind',
  interval: 'contigua.interval',
  plugged: 'contigua.plugged',
  teacher: 'contigua.teacher',
  family: 'contigua.family',
  settings: 'contigua.settings',
  /** Of maps and modulations that a run trained, alone or jointly with the whole: the edits that they are of. */
  edits: 'contigua.edits',
  /** Which of both a run keeps: `trained`, or the `start` in closed form where training did not lower the held-out error. */
  kept: 'contigua.kept',
} as const;

export interface TrainedTensor {
  readonly info: TensorInfo;
  readonly file: string;
  /** The tensor's bytes, F32. */
  readonly blob: BlobLike;
}

export type TrainedTensors = ReadonlyMap<string, TrainedTensor>;

interface Wanted {
  readonly kind: 'student' | 'fine-tuned' | 'maps' | 'modulations';
  readonly fingerprint: string;
  readonly family: string;
  /** The interval of a student, the plugged intervals of a fine-tune; the others are of no interval. */
  readonly intervals: readonly BlockInterval[] | null;
  /** Of a fine-tune: all edits of the model that it is of. */
  readonly edits?: readonly Edit[];
}

/** The edits that make blocks narrower, as `contigua.edits` names them; empty where there are none. */
export function narrowEditsText(edits: readonly Edit[]): string {
  return edits
    .filter(({ on }) => on !== 'run')
    .sort(compareEdits)
    .map(editKey)
    .join(', ');
}

/** `block`: tensors of one block of the model, names without its prefix; all must be there. */
export async function openStudent(
  file: NamedBlob,
  wanted: Omit<Wanted, 'kind' | 'intervals'> & { readonly interval: BlockInterval },
  block: readonly TensorSpec[],
): Promise<TrainedTensors> {
  const { interval, ...rest } = wanted;
  const tensors = await openTrained(file, { ...rest, kind: 'student', intervals: [interval] });
  const missing = block.filter(({ name }) => !tensors.has(name));
  const [first] = missing;
  if (first) {
    throw new ContiguaError('weight-missing', 'The student lacks a weight', {
      file: file.path,
      tensor: first.name,
      found: missing.length > 1 ? `${missing.length} of ${block.length} tensors missing` : 'no such tensor',
      expected: `[${first.shape.join(', ')}]`,
    });
  }
  checkShapes(tensors, block);
  return tensors;
}

/**
 * `model`: tensors of the student model; any of them may be there, as a fine-tune may train but the students. Maps and shared
 * modulations that were trained with them are read from the same file by `openMaps` and `openModulations`.
 */
export async function openFineTuned(
  file: NamedBlob,
  wanted: Omit<Wanted, 'kind'> & { readonly edits: readonly Edit[] },
  model: readonly ExpectedTensor[],
): Promise<TrainedTensors> {
  const tensors = await openTrained(file, { ...wanted, kind: 'fine-tuned' });
  checkShapes(tensors, model);
  return tensors;
}

/** `maps`: names with the index of the teacher's block in front; these must be there in the files together, and no others. */
export async function openMaps(
  files: readonly NamedBlob[],
  wanted: Omit<Wanted, 'kind' | 'intervals'>,
  maps: readonly TensorSpec[],
): Promise<TrainedTensors> {
  const tensors = new Map<string, TrainedTensor>();
  for (const file of files) {
    const opened = await openTrained(file, { ...wanted, kind: 'maps', intervals: null });
    for (const [name, tensor] of opened) tensors.set(name, tensor);
  }
  const missing = maps.find(({ name }) => !tensors.has(name));
  if (missing) {
    throw new ContiguaError('weight-missing', 'A linear map of a narrower block is missing', {
      file: files.map(({ path }) => path).join(', '),
      tensor: missing.name,
      expected: `[${missing.shape.join(', ')}]`,
    });
  }
  checkShapes(tensors, maps);
  return tensors;
}

/** `fits`: what edits of modulations put in place, by the place of the edit among them; these must be there, and no others. */
export async function openModulations(
  file: NamedBlob,
  wanted: Omit<Wanted, 'kind' | 'intervals'>,
  fits: readonly TensorSpec[],
): Promise<TrainedTensors> {
  const tensors = await openTrained(file, { ...wanted, kind: 'modulations', intervals: null });
  const missing = fits.find(({ name }) => !tensors.has(name));
  if (missing) {
    throw new ContiguaError('weight-missing', 'A part of shared modulations is missing', {
      file: file.path,
      tensor: missing.name,
      expected: `[${missing.shape.join(', ')}]`,
    });
  }
  checkShapes(tensors, fits);
  return tensors;
}

/** Reads all of it once. */
export async function checkTrainedValues(tensors: TrainedTensors): Promise<void> {
  for (const [tensor, { blob, file }] of tensors) {
    for (let start = 0; start < blob.size; start += CHECKED_AT_ONCE) {
      const bytes = await readRange(blob, file, start, Math.min(start + CHECKED_AT_ONCE, blob.size));
      checkValues(new Float32Array(bytes.buffer), 'F32', start / 4, { file, tensor });
    }
  }
}
const CHECKED_AT_ONCE = 8 * 2 ** 20;

const KINDS: Readonly<Record<Wanted['kind'], string>> = {
  student: 'student',
  'fine-tuned': 'fine-tuned model',
  maps: 'file of linear maps',
  modulations: 'file of shared modulations',
};

/** Of files that are open: a joint fine-tune's is asked for each of its parts. */
const headers = new WeakMap<BlobLike, Promise<SafetensorsHeader>>();

function headerOf({ path, blob }: NamedBlob): Promise<SafetensorsHeader> {
  const header = headers.get(blob) ?? readSafetensorsHeader(blob, path);
  headers.set(blob, header);
  // What could not be read may be read another time.
  header.catch(() => headers.delete(blob));
  return header;
}

async function openTrained(file: NamedBlob, wanted: Wanted): Promise<Map<string, TrainedTensor>> {
  const { path, blob } = file;
  const { tensors, metadata } = await headerOf(file);
  const { fingerprint, family, intervals } = wanted;
  // The joint fine-tune of a model with narrower blocks leaves all of its parts in one file.
  const isJoint = metadata.get(TRAINED_METADATA.kind) === 'fine-tuned' && metadata.has(TRAINED_METADATA.edits);
  const kind = isJoint && wanted.kind !== 'student' ? 'fine-tuned' : wanted.kind;
  const expect = (key: keyof typeof TRAINED_METADATA, expected: string, told: () => ContiguaError) => {
    if (metadata.get(TRAINED_METADATA[key]) !== expected) throw told();
  };
  const found = (key: keyof typeof TRAINED_METADATA) => metadata.get(TRAINED_METADATA[key]) ?? 'nothing';
  expect(
    'kind',
    kind,
    () =>
      new ContiguaError('checkpoint-unsupported', `This is no ${KINDS[kind]}`, {
        file: path,
        found: `${TRAINED_METADATA.kind}: ${found('kind')}`,
        expected: kind,
        hint: 'See docs/student-format.md.',
      }),
  );
  expect(
    'teacher',
    fingerprint,
    () =>
      new ContiguaError('plan-mismatch', 'It was trained from another teacher', {
        file: path,
        found: `fingerprint ${found('teacher')}`,
        expected: `fingerprint ${fingerprint}`,
        hint: 'Open the model that it was distilled from.',
      }),
  );
  expect(
    'family',
    family,
    () =>
      new ContiguaError('checkpoint-unsupported', 'It is of another model family', {
        file: path,
        found: found('family'),
        expected: family,
      }),
  );
  if (intervals) {
    const key = kind === 'student' ? 'interval' : 'plugged';
    expect(
      key,
      formatIntervalKeys(intervals),
      () =>
        new ContiguaError('plan-mismatch', 'It stands for other blocks', {
          file: path,
          found: found(key),
          expected: formatIntervalKeys(intervals) || 'no interval',
        }),
    );
  }
  if (wanted.edits) {
    const [held, asked] = [metadata.get(TRAINED_METADATA.edits) ?? '', narrowEditsText(wanted.edits)];
    if (held !== asked) {
      throw new ContiguaError('plan-mismatch', 'It was fine-tuned with other narrower blocks', {
        file: path,
        found: held || 'none',
        expected: asked || 'none',
        hint: 'What was fine-tuned together goes into one model together.',
      });
    }
  }
  const opened = new Map<string, TrainedTensor>();
  for (const [name, info] of tensors) {
    if (isJoint && partOf(name) !== wanted.kind) continue;
    if (info.dtype !== 'F32') {
      throw new ContiguaError('checkpoint-unsupported', 'A trained weight is not stored in F32', {
        file: path,
        tensor: name,
        found: info.dtype,
        expected: 'F32',
      });
    }
    opened.set(name, { info, file: path, blob: blob.slice(info.start, info.end) });
  }
  return opened;
}

/** Which part of a jointly fine-tuned model a tensor belongs to, by its name: maps begin with the index of a block. */
function partOf(name: string): Wanted['kind'] {
  if (/^\d+\./.test(name)) return 'maps';
  return /^modulation\.\d+\./.test(name) ? 'modulations' : 'fine-tuned';
}

function checkShapes(tensors: TrainedTensors, expected: readonly TensorSpec[]): void {
  const shapes = new Map(expected.map(({ name, shape }) => [name, shape]));
  for (const [tensor, { info, file }] of tensors) {
    const shape = shapes.get(tensor);
    if (shape?.join() === info.shape.join()) continue;
    throw new ContiguaError('weight-misshapen', shape ? 'A trained weight has the wrong shape' : 'No such weight', {
      file,
      tensor,
      found: `[${info.shape.join(', ')}]`,
      expected: shape ? `[${shape.join(', ')}]` : 'a tensor of the model',
    });
  }
}
