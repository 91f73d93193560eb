/**
 * Which model a report or plan is about: a hash that any copy of the same weights shares, however it is sharded, named
 * or ordered, and that another training run does not. It covers the config's arithmetic, the whole inventory and the
 * bytes of a few small tensors, so that a 40 GB checkpoint is recognised by reading less than a megabyte.
 */
import { ContiguaError } from '../errors.ts';
import { hexOf, sha256, sha256OfAll } from '../sha256.ts';
import { storedBytes } from './inventory.ts';
import type { Checkpoint } from './types.ts';

/** What a family counts as a model's identity (model/family.ts). Keys that change the arithmetic without changing any shape are why the config takes part. */
export interface FingerprintParts {
  readonly version: 1;
  readonly configKeys: readonly string[];
  /** Keys that take part only where they are true: a model whose config denies, nulls or lacks them has the fingerprint that it had before they were known. */
  readonly switches?: readonly string[];
  /** Keys that take part with their value where they are present and not null; other models keep the fingerprint that they had before. */
  readonly options?: readonly string[];
  /** Tensors whose bytes take part, beside the vectors of the first block. */
  readonly tensors: readonly string[];
  /** Prefix of the first block's tensors. */
  readonly firstBlock: string;
}

/** Qwen-Image has 19 such tensors, of 1 MB together. */
const MAX_SAMPLED = 1024;
const MAX_SAMPLED_BYTES = 2 ** 28;

/**
 * `sha256:<hex>`; `config` is the parsed config.json, of which an absent key counts as null. Rejects with
 * `checkpoint-unsupported` where the tensors whose bytes take part are not small.
 */
export async function fingerprintOf(
  identity: FingerprintParts,
  config: Readonly<Record<string, unknown>>,
  checkpoint: Pick<Checkpoint, 'tensors' | 'readBytes'>,
): Promise<string> {
  const names = [...checkpoint.tensors.keys()].sort();
  const inventory = names.map((name) => {
    const info = checkpoint.tensors.get(name);
    return [name, info?.dtype, info?.shape];
  });
  const switchedOn = (identity.switches ?? []).filter((key) => config[key] === true);
  const present = (identity.options ?? []).filter((key) => (config[key] ?? null) !== null);
  const known = [
    ...identity.configKeys.map((key) => [key, config[key] ?? null]),
    ...switchedOn.map((key) => [key, true]),
    ...present.map((key) => [key, config[key]]),
  ];
  const digests = [await sha256(new TextEncoder().encode(JSON.stringify({ config: known, inventory })))];
  for (const name of sampledNames(names, checkpoint, identity)) {
    digests.push(await sha256(new Uint8Array(await checkpoint.readBytes(name))));
  }
  return `sha256:${hexOf(await sha256OfAll(digests))}`;
}

function sampledNames(
  names: readonly string[],
  { tensors }: Pick<Checkpoint, 'tensors'>,
  identity: FingerprintParts,
): readonly string[] {
  const sampled = names.filter(
    (name) =>
      identity.tensors.includes(name) ||
      (name.startsWith(identity.firstBlock) && tensors.get(name)?.shape.length === 1),
  );
  let bytes = 0;
  for (const name of sampled) {
    const info = tensors.get(name);
    bytes += info ? storedBytes(info) : 0;
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
