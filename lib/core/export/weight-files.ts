/**
 * The weights of a diffusers folder as files that do not exist yet: one safetensors file, or numbered shards with their
 * index where it would be larger than a shard may be, named and indexed as huggingface_hub does. Headers are made here,
 * data is read from where it lies.
 */
import { type BlobLike, safetensorsLayout, type TensorLayout, tensorBytes } from '../checkpoint/index.ts';
import { joinedBlob } from './lazy-blob.ts';

export interface LazyTensor extends TensorLayout {
  /** As large as dtype and shape say. */
  readonly blob: BlobLike;
}

/** What `save_pretrained` splits at, 10 GB. */
export const MAX_SHARD_BYTES = 10e9;
const BASE = 'diffusion_pytorch_model';

/** In order: weights, then their index if there is one. Shards are filled in the order of `tensors`. */
export function weightFiles(
  tensors: readonly LazyTensor[],
  maxShardBytes: number,
): readonly { readonly path: string; readonly blob: BlobLike }[] {
  const shards = splitInShards(tensors, maxShardBytes);
  const [only] = shards;
  if (only && shards.length === 1) return [{ path: `${BASE}.safetensors`, blob: safetensorsBlob(only) }];
  const count = numbered(shards.length);
  const weightMap: [string, string][] = [];
  const files = shards.map((shard, i) => {
    const path = `${BASE}-${numbered(i + 1)}-of-${count}.safetensors`;
    for (const { name } of shard) weightMap.push([name, path]);
    return { path, blob: safetensorsBlob(shard) };
  });
  const index = {
    metadata: { total_size: tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0) },
    weight_map: Object.fromEntries(weightMap.sort(([x], [y]) => (x < y ? -1 : 1))),
  };
  const text = new TextEncoder().encode(`${JSON.stringify(index, null, 2)}\n`);
  return [...files, { path: `${BASE}.safetensors.index.json`, blob: new Blob([text]) }];
}

/** A tensor that is larger than a shard may be has one to itself. */
function splitInShards(tensors: readonly LazyTensor[], maxShardBytes: number): readonly LazyTensor[][] {
  const shards: LazyTensor[][] = [[]];
  let filled = 0;
  for (const tensor of tensors) {
    const sizeBytes = tensorBytes(tensor);
    if (filled > 0 && filled + sizeBytes > maxShardBytes) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)?.push(tensor);
    filled += sizeBytes;
  }
  return shards;
}

function safetensorsBlob(tensors: readonly LazyTensor[]): BlobLike {
  const { header, tensors: ordered } = safetensorsLayout(tensors);
  return joinedBlob([new Blob([header]), ...ordered.map(({ blob }) => blob)]);
}

function numbered(n: number): string {
  return String(n).padStart(5, '0');
}
