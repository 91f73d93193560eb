/** What `fingerprints.json` holds, and the files of a checkpoint that it describes. */
import { type Bytes, type HeaderTensor, qwenHeader, safetensorsOf, type TinySizes } from '../tiny-checkpoint.ts';

export interface FingerprintedModel {
  readonly about: string;
  /** Text of config.json: which keys are there, which are null and how a number is written is the point. */
  readonly config: string;
  readonly sizes: TinySizes;
  readonly dtype: string;
  /** Tensors stored in another type than `dtype`, by the end of their names. */
  readonly otherTypes?: Readonly<Record<string, string>>;
  /** Tensors that the model does not need. */
  readonly extra?: readonly HeaderTensor[];
  readonly seed: number;
  /** Other weights in these tensors alone. */
  readonly retrained?: readonly string[];
  /** One file (of the usual or another name), its data in reverse order, or two shards with their index. */
  readonly layout: 'file' | 'fp16-file' | 'reversed' | 'shards';
  readonly fingerprint: string;
}

/** Files of the transformer's folder, by name. */
export function filesOf(model: Omit<FingerprintedModel, 'fingerprint'>): Record<string, Bytes> {
  const { config, sizes, dtype, otherTypes = {}, extra = [], seed, retrained = [], layout } = model;
  const header = [...qwenHeader(sizes, dtype), ...extra].map((tensor) => {
    const other = Object.entries(otherTypes).find(([end]) => tensor.name.endsWith(end));
    return other ? { ...tensor, dtype: other[1] } : tensor;
  });
  const filling = { seed, seedOf: (name: string) => (retrained.includes(name) ? seed + 1000 : seed) };
  const base = 'diffusion_pytorch_model';
  const files: Record<string, Bytes> = { 'config.json': new TextEncoder().encode(config) };
  if (layout === 'shards') {
    const shard = (i: number) => `${base}-0000${i}-of-00002.safetensors`;
    const [first, second] = [header.filter((_, i) => i % 3 > 0), header.filter((_, i) => i % 3 === 0)];
    files[shard(1)] = safetensorsOf(first, filling);
    files[shard(2)] = safetensorsOf(second, filling);
    const weightMap = Object.fromEntries([
      ...first.map(({ name }) => [name, shard(1)]),
      ...second.map(({ name }) => [name, shard(2)]),
    ]);
    files[`${base}.safetensors.index.json`] = new TextEncoder().encode(
      JSON.stringify({ metadata: { total_size: 0 }, weight_map: weightMap }),
    );
  } else {
    const name = layout === 'fp16-file' ? `${base}.fp16.safetensors` : `${base}.safetensors`;
    files[name] = safetensorsOf(layout === 'reversed' ? header.toReversed() : header, filling);
  }
  return files;
}
