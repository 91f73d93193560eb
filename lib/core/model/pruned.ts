/** The model that is left when only some blocks stay: its config, as its family writes it, and what its blocks are made of. */
import type { BlockSpec, ModelConfig } from './architecture.ts';
import type { BlockConversion } from './block-rows.ts';
import { architectureOf, blockAt } from './counts.ts';
import { familyNamed } from './families.ts';

/** `kept` are indices of `config`'s blocks, ascending; block i of the result is block `kept[i]`, or a student in its place. */
export function prunedModel(config: ModelConfig, kept: readonly number[]): ModelConfig {
  const architecture = architectureOf(config);
  const family = familyNamed(config.family);
  const keys = family.prunedKeys(
    config,
    kept.map((index) => blockAt(architecture, index)),
  );
  return family.parse({ ...config.raw, ...keys }, config.className, 'config.json');
}

/**
 * The block that stands for a run of blocks: that of the place which it has in the model without blocks first + 1 to last. It
 * is of the first block's kind, and where it is the model's last block, of the kind of a last one.
 */
export function studentBlock(
  config: ModelConfig,
  { first, last }: { readonly first: number; readonly last: number },
): BlockSpec {
  const kept = architectureOf(config)
    .blocks.map(({ index }) => index)
    .filter((i) => i <= first || i > last);
  return blockAt(architectureOf(prunedModel(config, kept)), first);
}

/** How a block becomes one of another kind; null where both are of one kind, whose tensors are taken as they are. */
export function conversionOf(config: ModelConfig, from: BlockSpec, to: BlockSpec): BlockConversion | null {
  if (from.kind === to.kind) return null;
  const { convertBlock, label } = familyNamed(config.family);
  if (!convertBlock) throw new RangeError(`${label} cannot make a ${to.kind} block of a ${from.kind} one`);
  return convertBlock(config, from, to);
}
