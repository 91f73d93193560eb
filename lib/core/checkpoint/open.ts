/**
 * Opens the weights of a transformer: one file of a known format, or safetensors shards with their index. Other files in the folder
 * (README, config, a calibration) are ignored. Stricter than diffusers: index and shards must agree in both directions,
 * as a key in the wrong shard or left out of the index means that somebody will load something else.
 */
import { ContiguaError } from '../errors.ts';
import { isRecord } from '../is-record.ts';
import { MAX_JSON_BYTES } from '../json-text.ts';
import type { DType } from '../tensor/dtype.ts';
import { readInventory } from './formats.ts';
import { readSafetensorsHeader, type SafetensorsHeader } from './header.ts';
import { checkpointOf } from './inventory.ts';
import { readRange } from './read-range.ts';
import { readJson } from './read-text.ts';
import { withScales } from './scaled-fp8.ts';
import { scanJson } from './scan-json.ts';
import type { BlobLike, Checkpoint, NamedBlob, TensorInfo } from './types.ts';

const INDEX_NAME = /^(?<base>.+)\.safetensors\.index(?:\.(?<variant>[^.]+))?\.json$/;
const SHARD_NAME = /-\d{5}-of-\d{5}\.safetensors$/;
const FILE_NAME = /^(?<base>[^.]+)(?:\.(?<variant>.+))?\.(?<format>safetensors|gguf)$/;
export const SPLIT_GGUF = /-\d{5}-of-\d{5}\.gguf$/;
/** Weights that diffusers itself would load, most wanted first. */
const WEIGHT_BASES = ['diffusion_pytorch_model', 'model'];

export async function openCheckpoint(files: readonly NamedBlob[]): Promise<Checkpoint> {
  const chosen = chooseWeights(files);
  return chosen.kind === 'file' ? openWeightsFile(chosen.file) : openShards(chosen.file, files);
}

interface Candidate {
  readonly kind: 'file' | 'index';
  readonly file: NamedBlob;
  readonly base: string;
  readonly variant: string | undefined;
}

function chooseWeights(files: readonly NamedBlob[]): Candidate {
  const candidates = files.flatMap((file): Candidate[] => {
    if (file.path.includes('/')) return [];
    const index = INDEX_NAME.exec(file.path)?.groups;
    if (index) return [{ kind: 'index', file, base: index.base ?? '', variant: index.variant }];
    if (SHARD_NAME.test(file.path)) return [];
    const single = FILE_NAME.exec(file.path)?.groups;
    return single && single.base !== 'calibration'
      ? [{ kind: 'file', file, base: single.base ?? '', variant: single.variant }]
      : [];
  });
  const found = files.map((f) => f.path).join(', ') || 'no files';
  const split = files.find((f) => SPLIT_GGUF.test(f.path));
  if (split && !candidates.some(({ file }) => !SPLIT_GGUF.test(file.path))) {
    throw splitGguf(split.path);
  }
  if (candidates.length === 0) {
    const hasShards = files.some((f) => SHARD_NAME.test(f.path));
    throw new ContiguaError('checkpoint-incomplete', hasShards ? 'Shards without their index' : 'No weights found', {
      found,
      expected: hasShards
        ? 'diffusion_pytorch_model.safetensors.index.json next to the shards'
        : 'diffusion_pytorch_model.safetensors, its shards and index, or a GGUF file',
      hint: 'Pick the whole `transformer` folder of a diffusers model.',
    });
  }
  const rank = (c: Candidate) => {
    const known = WEIGHT_BASES.indexOf(c.base);
    return (known < 0 ? WEIGHT_BASES.length : known) * 2 + (c.variant === undefined ? 0 : 1);
  };
  const [best, next] = candidates.toSorted((x, y) => rank(x) - rank(y));
  if (best && next && rank(best) === rank(next)) {
    throw new ContiguaError('checkpoint-unsupported', 'Several sets of weights in one folder', {
      found: candidates.map((c) => c.file.path).join(', '),
      expected: 'one',
      hint: 'Remove all but the one to open.',
    });
  }
  if (!best) throw new RangeError('No candidate');
  return best;
}

/** One file of weights by itself, of any known format. */
export async function openWeightsFile(file: NamedBlob): Promise<Checkpoint> {
  const { tensors, metadata } = await readInventory(file);
  // A part under another name.
  if (Number(metadata.get('split.count')) > 1) throw splitGguf(file.path);
  return checkpointOf(new Map([[file.path, file.blob]]), tensors, metadata);
}

function splitGguf(file: string): ContiguaError {
  return new ContiguaError('checkpoint-unsupported', 'The GGUF file is split in parts', {
    file,
    expected: 'one file',
    hint: 'Join the parts with llama.cpp: `llama-gguf-split --merge PART-00001-of-0000N.gguf WHOLE.gguf`.',
  });
}

/** One safetensors file by itself, whatever its name: calibrations, students, embeddings. */
export async function openFile({ path, blob }: NamedBlob): Promise<Checkpoint<DType>> {
  const { tensors, metadata } = await readSafetensorsHeader(blob, path);
  return checkpointOf(new Map([[path, blob]]), tensors, metadata);
}

async function openShards(index: NamedBlob, files: readonly NamedBlob[]): Promise<Checkpoint> {
  const shardOf = await readIndex(index);
  const shards = new Map<string, { blob: BlobLike; header: SafetensorsHeader }>();
  for (const name of [...new Set(shardOf.values())].sort()) {
    const blob = files.find((f) => f.path === name)?.blob;
    if (!blob) {
      throw new ContiguaError('checkpoint-incomplete', 'A shard that the index names is missing', {
        file: name,
        found:
          files
            .map((f) => f.path)
            .filter((p) => p.endsWith('.safetensors'))
            .join(', ') || 'no safetensors file',
        expected: `a file next to ${index.path}`,
        hint: 'Download the missing shard and pick the whole folder again.',
      });
    }
    shards.set(name, { blob, header: await readSafetensorsHeader(blob, name) });
  }
  const tensors = new Map<string, TensorInfo>();
  for (const [name, shard] of shardOf) {
    const info = shards.get(shard)?.header.tensors.get(name);
    if (!info) {
      const elsewhere = [...shards].find(([, { header }]) => header.tensors.has(name))?.[0];
      throw disagreement(
        index.path,
        name,
        elsewhere ? `the tensor in ${elsewhere}` : 'the tensor in no shard',
        `it in ${shard}, as the index says`,
      );
    }
    tensors.set(name, info);
  }
  for (const [shard, { header }] of shards) {
    for (const name of header.tensors.keys()) {
      const mapped = shardOf.get(name);
      if (mapped !== shard) {
        const expected = mapped ? `it in ${mapped} alone, as the index says` : 'a weight_map entry for it';
        throw disagreement(index.path, name, `the tensor in ${shard}`, expected);
      }
    }
  }
  const metadata = [...shards.values()][0]?.header.metadata ?? new Map<string, string>();
  const blobs = new Map([...shards].map(([name, { blob }]) => [name, blob]));
  const read = (file: string, start: number, end: number) => {
    const blob = blobs.get(file);
    if (!blob) throw new RangeError(`No blob for ${file}`);
    return readRange(blob, file, start, end);
  };
  return checkpointOf(blobs, await withScales({ tensors, metadata }, read, index.path), metadata);
}

function disagreement(file: string, tensor: string, found: string, expected: string): ContiguaError {
  const hint = 'Index and shards come from different exports; download the folder again.';
  return new ContiguaError('checkpoint-incomplete', 'Index and shards disagree', {
    file,
    tensor,
    found,
    expected,
    hint,
  });
}

/** Tensor → shard. `metadata.total_size` is neither needed nor believed. */
async function readIndex(index: NamedBlob): Promise<Map<string, string>> {
  const file = index.path;
  const hint = 'The index is damaged; download it again, with its shards.';
  const invalid = (summary: string, found: string, expected: string, tensor?: string) =>
    new ContiguaError('safetensors-invalid', summary, { file, tensor, found, expected, hint });
  const { text, value } = await readJson(index, {
    code: 'safetensors-invalid',
    notJson: 'The index is not JSON',
    expected: 'a JSON object',
    hint,
    maxBytes: MAX_JSON_BYTES.index,
  });
  const weightMap = isRecord(value) ? value.weight_map : undefined;
  if (!isRecord(weightMap)) {
    const found = weightMap === undefined ? 'none' : JSON.stringify(weightMap).slice(0, 80);
    throw invalid('The index has no weight_map', found, 'an object of tensor → file name');
  }
  scanJson(text, {
    duplicate(path) {
      if (path.length === 2 && path[0] === 'weight_map') {
        throw invalid('Tensor occurs twice in weight_map', 'a duplicate key', 'unique names', path[1]);
      }
    },
    number() {},
  });
  const shardOf = new Map<string, string>();
  for (const [name, shard] of Object.entries(weightMap)) {
    if (typeof shard !== 'string' || !shard || /[\\/]/.test(shard)) {
      throw invalid('Unusable file name in weight_map', JSON.stringify(shard), 'a file name in the same folder', name);
    }
    shardOf.set(name, shard);
  }
  if (shardOf.size === 0) throw invalid('The weight_map is empty', 'no tensors', 'tensor → file name');
  return shardOf;
}
