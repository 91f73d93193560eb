/**
 * Where each tensor of the student model comes from: the fine-tune if it trained it, else the student of its interval,
 * else the teacher, whose bytes are copied as they are. A teacher's block that is of another kind in its new place (the last
 * one, where the old last block goes) gives the rows that its family says. What diffusers does not load as it is stored
 * (8-bit floats with scales, blocks of GGUF) is decoded, to BF16 unless F32 is asked for.
 */
import {
  type Checkpoint,
  isPlainDType,
  type NamedBlob,
  storedBytes,
  type TensorInfo,
  tensorBytes,
} from '../checkpoint/index.ts';
import type { EditSet, ModulationEdit } from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import type { BlockInterval } from '../interval/index.ts';
import {
  architectureOf,
  blockAt,
  conversionOf,
  type ExpectedTensor,
  editedConfig,
  editedModel,
  elementsOf,
  expectedTensors,
  formRows,
  type ModelConfig,
  prunedModel,
  type RowSource,
  studentBlock,
  type TensorSpec,
} from '../model/config-index.ts';
import type { BlockMapEntry } from '../plan/index.ts';
import { fromFloat32 } from '../tensor/float.ts';
import { castTensor, decodedDType, trainedDType } from './cast-tensor.ts';
import { joinedBlob, lazyBlob } from './lazy-blob.ts';
import {
  checkTrainedValues,
  openFineTuned,
  openMaps,
  openStudent,
  type TrainedTensor,
  type TrainedTensors,
} from './trained-file.ts';
import type { LazyTensor } from './weight-files.ts';

export interface StudentWeightsInput {
  readonly config: ModelConfig;
  readonly fingerprint: string;
  readonly checkpoint: Checkpoint;
  readonly blockMap: readonly BlockMapEntry[];
  readonly students: readonly { readonly interval: BlockInterval; readonly file: NamedBlob }[];
  readonly fineTuned: NamedBlob | null;
  /**
   * `edits` are all of the model's but those of modulations, runs included: a valid set. What is `shared` is put in place afterwards
   * (shared-weights.ts).
   */
  readonly narrow?: {
    readonly edits: EditSet;
    readonly maps: readonly NamedBlob[];
    readonly shared?: readonly ModulationEdit[];
  };
  readonly dtype: 'teacher' | 'F32';
  readonly checkValues: boolean;
}

/** In the order of the model, blocks renumbered, complete. */
export async function studentWeights(input: StudentWeightsInput): Promise<readonly LazyTensor[]> {
  const { config, blockMap, checkpoint } = input;
  const teacherTensors = teacherInventory(checkpoint, config);
  const oldOf = blockMap.filter((entry) => entry.new !== null).map(({ old }) => old);
  const student = modelAfter(config, oldOf, input.narrow?.edits ?? []);
  const model = expectedTensors(student);
  // Trained weights are those of whole blocks, as the teacher's are: what a narrower block leaves out goes when it is written.
  const plain = prunedModel(config, oldOf);
  const trained = await openAllTrained(input, expectedTensors(plain));
  const plainBlocks = architectureOf(plain).blocks;
  const teacher = architectureOf(config);
  const forms = new Map(editedModel(config, input.narrow?.edits ?? []).blocks.map(({ old, form }) => [old, form]));
  const places = architectureOf(student).blocks.map((to, place) => {
    const old = oldOf[place];
    if (old === undefined) throw new RangeError(`Block ${place} comes from nowhere`);
    const from = blockAt(teacher, old);
    const form = forms.get(old) ?? {};
    const isNarrow = Object.keys(form).length > 0;
    const plainTo = blockAt({ blocks: plainBlocks }, place);
    const own = new Set(from.tensors.map(({ name }) => name));
    return {
      old,
      prefix: from.prefix,
      tuned: (tensor: string) => trained.fineTuned.get(`${plainTo.prefix}${tensor}`),
      /** What a form leaves of the tensors of the whole block in its place. */
      formRows: isNarrow ? formRows(plainTo, form) : null,
      /** What the block in its place is made of. */
      conversion: conversionOf(config, from, isNarrow ? plainTo : to),
      /** Maps are written in the type of the block's weights. */
      like: from.tensors[0]?.name ?? '',
      maps: isNarrow ? to.tensors.filter(({ name }) => !own.has(name)) : [],
    };
  });
  const maps = await openAllMaps(input, places);
  return model.map(({ name, local, shape, block, buffer }): LazyTensor => {
    const place = block === null ? null : places[block]!;
    const tuned = place ? place.tuned(local) : trained.fineTuned.get(name);
    const student = place ? trained.students.get(place.old) : undefined;
    const trainedHere = tuned ?? student?.get(local);
    const storedAs = (tensor: string) => teacherTensors(`${place?.prefix ?? ''}${tensor}`);
    const map = place && maps.get(`${place.old}.${local}`);
    if (map) return { name, shape, ...castOf(map, storedAs(place.like), input.dtype) };
    // A student of a run and a fine-tuned block are whole, and of the kind of their new place already.
    const rows = place?.formRows?.get(local) ?? (trainedHere ? undefined : place?.conversion?.get(local));
    if (rows) {
      const written = (tensor: string) => {
        const whole = place?.tuned(tensor) ?? student?.get(tensor);
        return whole
          ? castOf(whole, storedAs(tensor), input.dtype)
          : unchanged(storedAs(tensor), checkpoint, input.dtype);
      };
      return { name, shape, ...joinedRows(rows, shape, written) };
    }
    if (trainedHere) return { name, shape, ...castOf(trainedHere, storedAs(local), input.dtype) };
    if (buffer && !checkpoint.tensors.has(name))
      return { name, shape, ...computed(name, shape, buffer, checkpoint, input.dtype) };
    return { name, shape, ...unchanged(storedAs(local), checkpoint, input.dtype) };
  });
}

/** Throws `checkpoint-unsupported` where no class reads what the edits leave. */
function modelAfter(config: ModelConfig, kept: readonly number[], edits: EditSet): ModelConfig {
  if (edits.length === 0) return prunedModel(config, kept);
  const edited = editedConfig(config, edits);
  if (!('why' in edited)) return edited;
  throw new ContiguaError('checkpoint-unsupported', 'No class of diffusers or PPCL holds these edits', {
    found: edited.why,
  });
}

/** Every map that a narrower block needs, by the teacher's block: also at the end of a group whose last block was removed. */
async function openAllMaps(
  { config, fingerprint, narrow, checkValues }: StudentWeightsInput,
  places: readonly { readonly old: number; readonly maps: readonly TensorSpec[] }[],
): Promise<TrainedTensors> {
  if (!narrow) return new Map();
  const wanted = places.flatMap(({ old, maps }) => maps.map((map) => ({ ...map, name: `${old}.${map.name}` })));
  if (narrow.maps.length === 0) {
    const [first] = wanted;
    if (!first) return new Map();
    throw new ContiguaError('weight-missing', 'No file has the linear maps of narrower blocks', { tensor: first.name });
  }
  const maps = await openMaps(narrow.maps, { fingerprint, family: config.family }, wanted);
  if (checkValues) await checkTrainedValues(maps);
  return maps;
}

/** Rows of stored tensors, one after the other; all of one type. */
function joinedRows(
  sources: readonly RowSource[],
  shape: readonly number[],
  written: (tensor: string) => Pick<LazyTensor, 'dtype' | 'blob'>,
) {
  const first = sources.find((source) => 'tensor' in source);
  if (!first) throw new RangeError('Some rows have to be stored');
  const { dtype } = written(first.tensor);
  const rowBytes = tensorBytes({ dtype, shape: [1, ...shape.slice(1)] });
  const parts = sources.map((source) => {
    if ('zeros' in source) {
      return lazyBlob(source.zeros * rowBytes, async (from, to) => new Uint8Array(to - from));
    }
    const rows = written(source.tensor);
    if (rows.dtype !== dtype) throw new RangeError(`${source.tensor} is not written as ${dtype}`);
    return rows.blob.slice(source.from * rowBytes, source.to * rowBytes);
  });
  return { dtype, blob: joinedBlob(parts) };
}

/**
 * A table that the teacher's file leaves out and that diffusers looks for. It is a persistent buffer of float32 that `.to(dtype)`
 * casts with the weights, and `save_pretrained` writes: in the type of the weights, or in F32 where that is asked for.
 */
function computed(
  tensor: string,
  shape: readonly number[],
  buffer: NonNullable<TensorSpec['buffer']>,
  checkpoint: Checkpoint,
  wanted: 'teacher' | 'F32',
) {
  const [stored] = checkpoint.tensors.values();
  const dtype = wanted === 'F32' ? 'F32' : trainedDType(stored?.dtype ?? 'F32');
  const values = lazyBlob(4 * elementsOf(shape), async (start, end) => {
    const [from, to] = [Math.floor(start / 4), Math.ceil(end / 4)];
    return new Uint8Array(buffer(from, to).buffer).subarray(start - 4 * from, end - 4 * from);
  });
  return { dtype, blob: castTensor(values, dtype, { file: 'computed from config.json', tensor }) };
}

async function openAllTrained(
  { config, fingerprint, students, fineTuned, narrow, checkValues }: StudentWeightsInput,
  model: readonly ExpectedTensor[],
): Promise<{ readonly students: ReadonlyMap<number, TrainedTensors>; readonly fineTuned: TrainedTensors }> {
  const { family } = config;
  const byFirst = new Map<number, TrainedTensors>();
  for (const { interval, file } of students) {
    byFirst.set(
      interval.first,
      await openStudent(file, { fingerprint, family, interval }, studentBlock(config, interval).tensors),
    );
  }
  const whole: TrainedTensors = fineTuned
    ? await openFineTuned(
        fineTuned,
        {
          ...{ fingerprint, family },
          intervals: students.map(({ interval }) => interval),
          edits: [...(narrow?.edits ?? []), ...(narrow?.shared ?? [])],
        },
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

function unchanged(stored: TensorInfo, checkpoint: Checkpoint, wanted: 'teacher' | 'F32') {
  const { name, dtype, file, shape } = stored;
  if (isPlainDType(dtype)) {
    return { dtype, blob: lazyBlob(storedBytes(stored), (from, to) => checkpoint.readByteRange(name, from, to)) };
  }
  const elements = shape.reduce((product, n) => product * n, 1);
  const values = lazyBlob(4 * elements, async (from, to) => {
    const first = Math.floor(from / 4);
    const bytes = fromFloat32(await checkpoint.readFloat32(name, first, Math.ceil(to / 4)), 'F32');
    return bytes.subarray(from - 4 * first, to - 4 * first);
  });
  const decoded = decodedDType(wanted);
  return { dtype: decoded, blob: castTensor(values, decoded, { file, tensor: name, decoded: true }) };
}

/** Looks a tensor up, all of them checked before: present, and of the shape that the config says. */
function teacherInventory({ tensors }: Checkpoint, config: ModelConfig): (name: string) => TensorInfo {
  for (const { name, shape, buffer } of expectedTensors(config)) {
    const found = tensors.get(name);
    if (found ? found.shape.join() === shape.join() : buffer) continue;
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
