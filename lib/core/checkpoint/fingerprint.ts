/**
 * Which model a report or plan is about: a hash that any copy of the same weights shares, however it is sharded, named
 * or ordered, and that another training run does not. It covers the config's arithmetic, the whole inventory and the
 * bytes of a few small tensors, so that a 40 GB checkpoint is recognised by reading less than a megabyte.
 */
import { ContiguaError } from '../errors.ts';
import type { Checkpoint } from './types.ts';

/** Keys that change the arithmetic without changing any shape are why the config takes part. */
const CONFIG_KEYS = [
  '_class_name',
  'attention_head_dim',
  'axes_dims_rope',
  'in_channels',
  'joint_attention_dim',
  'num_attention_heads',
  'num_layers',
  'out_channels',
  'patch_size',
];
const SAMPLED = ['img_in.weight', 'proj_out.weight'];
const FIRST_BLOCK = 'transformer_blocks.0.';
/** Qwen-Image has 19 of them, of 1 MB together. */
const MAX_SAMPLED = 1024;
const MAX_SAMPLED_BYTES = 2 ** 28;

/** `sha256:<hex>`; `config` is the parsed config.json. Rejects with `checkpoint-unsupported` where those tensors are not small. */
export async function fingerprintOf(
  config: Readonly<Record<string, unknown>>,
  checkpoint: Checkpoint,
): Promise<string> {
  const names = [...checkpoint.tensors.keys()].sort();
  const inventory = names.map((name) => {
    const info = checkpoint.tensors.get(name);
    return [name, info?.dtype, info?.shape];
  });
  const known = CONFIG_KEYS.map((key) => [key, config[key] ?? null]);
  const digestOf = (bytes: Uint8Array<ArrayBuffer>) => crypto.subtle.digest('SHA-256', bytes);
  const digests = [await digestOf(new TextEncoder().encode(JSON.stringify({ config: known, inventory })))];
  for (const name of sampledNames(names, checkpoint)) {
    digests.push(await digestOf(new Uint8Array(await checkpoint.readBytes(name))));
  }
  const whole = await crypto.subtle.digest('SHA-256', await new Blob(digests).arrayBuffer());
  return `sha256:${[...new Uint8Array(whole)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

function sampledNames(names: readonly string[], { tensors }: Checkpoint): readonly string[] {
  const sampled = names.filter(
    (name) => SAMPLED.includes(name) || (name.startsWith(FIRST_BLOCK) && tensors.get(name)?.shape.length === 1),
  );
  let bytes = 0;
  for (const name of sampled) {
    const info = tensors.get(name);
    bytes += info ? info.end - info.start : 0;
    if (sampled.length <= MAX_SAMPLED && bytes <= MAX_SAMPLED_BYTES) continue;
    throw new ContiguaError('checkpoint-unsupported', 'The vectors of the first block are too many or too large', {
      file: info?.file,
      tensor: name,
      found: `${sampled.length} tensors, ${bytes.toLocaleString('en-US')} bytes up to this one`,
      expected: `at most ${MAX_SAMPLED} of ${MAX_SAMPLED_BYTES.toLocaleString('en-US')} bytes together`,
    });
  }
  return sampled;
}
