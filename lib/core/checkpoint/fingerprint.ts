/**
 * Which model a report or plan is about: a hash that any copy of the same weights shares, however it is sharded, named
 * or ordered, and that another training run does not. It covers the config's arithmetic, the whole inventory and the
 * bytes of a few small tensors, so that a 40 GB checkpoint is recognised by reading less than a megabyte.
 */
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

/** `sha256:<hex>`; `config` is the parsed config.json. */
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
  const parts = [new TextEncoder().encode(JSON.stringify({ config: known, inventory }))];
  for (const name of names) {
    const isFirstBlockVector = name.startsWith(FIRST_BLOCK) && checkpoint.tensors.get(name)?.shape.length === 1;
    if (SAMPLED.includes(name) || isFirstBlockVector) parts.push(new Uint8Array(await checkpoint.readBytes(name)));
  }
  const digests = await Promise.all(parts.map((part) => crypto.subtle.digest('SHA-256', part)));
  const whole = await crypto.subtle.digest('SHA-256', await new Blob(digests).arrayBuffer());
  return `sha256:${[...new Uint8Array(whole)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
