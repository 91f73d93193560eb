/**
 * Where each tensor of the student model comes from: the fine-tune if it trained it, else the student of its interval,
 * else the teacher, whose bytes are copied as they are.
 */
import type { Checkpoint, NamedBlob, TensorInfo } from '../checkpoint/index.ts';
import { ContiguaError } from '../errors.ts';
import type { BlockInterval } from '../interval/index.ts';
import {
  architectureOf,
  blockAt,
  type ExpectedTensor,
  expectedTensors,
  type ModelConfig,
  prunedModel,
} from '../model/config-index.ts';
import type { BlockMapEntry } from '../plan/index.ts';
import { castTensor, trainedDType } from './cast-tensor.ts';
import { lazyBlob } from './lazy-blob.ts';
import {
  checkTrainedValues,
  openFineTuned,
  openStudent,
  type TrainedTensor,
  type TrainedTensors,
} from './trained-file.ts';
import type { LazyTensor } from './weight-files.ts';

export interface StudentWeightsInput {
  readonly config: ModelConfig;
  readonly fingerprint: string;
  readonly checkpoint: Checkpoint;
  /** The teacher's files, to read ranges of. */
  readonly files: readonly NamedBlob[];
  readonly blockMap: readonly BlockMapEntry[];
  readonly students: readonly { readonly interval: BlockInterval; readonly file: NamedBlob }[];
  readonly fineTuned: NamedBlob | null;
  readonly dtype: 'teacher' | 'F32';
  readonly checkValues: boolean;
}

/** In the order of the model, blocks renumbered, complete. */
export async function studentWeights(input: StudentWeightsInput): Promise<readonly LazyTensor[]> {
  const { config, blockMap, checkpoint } = input;
  const teacherTensors = teacherInventory(checkpoint, config);
  const oldOf = blockMap.filter((entry) => entry.new !== null).map(({ old }) => old);
  const model = expectedTensors(prunedModel(config, oldOf));
  const trained = await openAllTrained(input, model);
  const { blocks } = architectureOf(config);
  return model.map(({ name, local, shape, block }): LazyTensor => {
    const old = block === null ? null : oldOf[block];
    if (old === undefined) throw new RangeError(`Block ${block} comes from nowhere`);
    const stored = teacherTensors(old === null ? name : `${blocks[old]!.prefix}${local}`);
    const replacing = trained.fineTuned.get(name) ?? (old === null ? undefined : trained.students.get(old)?.get(local));
    if (replacing) return { name, shape, ...castOf(replacing, stored, input.dtype) };
    return { name, shape, dtype: stored.dtype, blob: rangeOf(stored, input.files) };
  });
}

async function openAllTrained(
  { config, fingerprint, students, fineTuned, checkValues }: StudentWeightsInput,
  model: readonly ExpectedTensor[],
): Promise<{ readonly students: ReadonlyMap<number, TrainedTensors>; readonly fineTuned: TrainedTensors }> {
  const { family } = config;
  const architecture = architectureOf(config);
  const byFirst = new Map<number, TrainedTensors>();
  for (const { interval, file } of students) {
    byFirst.set(
      interval.first,
      await openStudent(file, { fingerprint, family, interval }, blockAt(architecture, interval.first).tensors),
    );
  }
  const whole: TrainedTensors = fineTuned
    ? await openFineTuned(
        fineTuned,
        { fingerprint, family, intervals: students.map(({ interval }) => interval) },
        model,
      )
    : new Map();
  if (checkValues) for (const tensors of [...byFirst.values(), whole]) await checkTrainedValues(tensors);
  return { students: byFirst, fineTuned: whole };
}

function castOf({ blob, file, info }: TrainedTensor, stored: TensorInfo, wanted: 'teacher' | 'F32') {
  const dtype = wanted === 'F32' ? 'F32' : trainedDType(stored.dtype);
  return { dtype, blob: castTensor(blob, dtype, { file, tensor: info.name }) };
}

function rangeOf({ file, start, end, name }: TensorInfo, files: readonly NamedBlob[]) {
  const blob = files.find(({ path }) => path === file)?.blob;
  if (!blob) throw new RangeError(`${name} lies in ${file}, which is not among the files`);
  return lazyBlob(end - start, async (from, to) => {
    const bytes = new Uint8Array(await blob.slice(start + from, start + to).arrayBuffer());
    if (bytes.length === to - from) return bytes;
    throw new ContiguaError('checkpoint-incomplete', 'The file ended early', { file, tensor: name });
  });
}

/** Looks a tensor up, all of them checked before: present, and of the shape that the config says. */
function teacherInventory({ tensors }: Checkpoint, config: ModelConfig): (name: string) => TensorInfo {
  for (const { name, shape } of expectedTensors(config)) {
    const found = tensors.get(name);
    if (found?.shape.join() === shape.join()) continue;
    throw new ContiguaError(found ? 'weight-misshapen' : 'weight-missing', 'The model does not fit its config.json', {
      file: found?.file,
      tensor: name,
      found: found ? `[${found.shape.join(', ')}]` : 'no such tensor',
      expected: `[${shape.join(', ')}]`,
    });
  }
  return (name) => {
    const info = tensors.get(name);
    if (!info) throw new RangeError(`No teacher's tensor ${name}`);
    return info;
  };
}
