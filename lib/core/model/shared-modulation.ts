/**
 * Modulations that blocks share, as config.json says it under `shared_modulation`: a list of
 *
 *   { "blocks": [0, 1, 2], "rank": 8 }             the blocks' matrices read the product of the conditioning with the vectors of
 *                                                  `modulation_basis.N.weight` [rank, D], N being the place in this list
 *   { "blocks": [3, 4], "timesteps": [1, 0.5] }    the blocks' matrices [rows, timesteps] hold the modulations themselves
 *
 * The key is this product's own: diffusers ignores it, and refuses the weights for their shapes.
 */
import { ContiguaError } from '../errors.ts';
import { isRecord } from '../is-record.ts';
import type { RawConfig, SharedModulation, TensorSpec } from './architecture.ts';

const KEY = 'shared_modulation';

/** A shared modulation and the blocks that have it. */
export interface ModulationGroup {
  readonly blocks: ReadonlySet<number>;
  readonly by: SharedModulation;
}

/** Throws `config-invalid`, naming the key. */
export function parseSharedModulations(
  raw: RawConfig,
  { numBlocks, width }: { readonly numBlocks: number; readonly width: number },
  file: string,
): readonly ModulationGroup[] {
  const value = raw[KEY] ?? [];
  const unusable = (found: unknown, expected: string) =>
    new ContiguaError('config-invalid', `\`${KEY}\` is not usable`, { file, found: JSON.stringify(found), expected });
  if (!Array.isArray(value)) throw unusable(value, 'a list');
  const seen = new Set<number>();
  return value.map((group: unknown) => {
    const { blocks, rank, timesteps } = isRecord(group) ? group : {};
    if (!Array.isArray(blocks)) throw unusable(group, 'an object with a list of `blocks`');
    for (const block of blocks) {
      const isBlock = Number.isSafeInteger(block) && block >= 0 && block < numBlocks && !seen.has(block);
      if (!isBlock) throw unusable(block, `blocks, each once and from 0 to ${numBlocks - 1}`);
      seen.add(block);
    }
    if (Number.isSafeInteger(rank) && Number(rank) >= 1 && Number(rank) <= width && timesteps === undefined) {
      return { blocks: new Set<number>(blocks), by: { rank: Number(rank) } };
    }
    const isTable = Array.isArray(timesteps) && timesteps.length > 0 && timesteps.every(Number.isFinite);
    if (rank === undefined && isTable && new Set(timesteps).size === timesteps.length) {
      return { blocks: new Set<number>(blocks), by: { timesteps } };
    }
    throw unusable(group, `a \`rank\` from 1 to ${width}, or \`timesteps\`, each once`);
  });
}

/** config.json's key for these groups; none where there are none. A group without blocks stays, as bases are named by place. */
export function sharedModulationKeys(groups: readonly ModulationGroup[]): RawConfig {
  if (groups.length === 0) return {};
  return { [KEY]: groups.map(({ blocks, by }) => ({ blocks: [...blocks].sort((a, b) => a - b), ...by })) };
}

/** The groups of the model that is left when only `kept` blocks stay, renumbered. */
export function keptGroups(groups: readonly ModulationGroup[], kept: readonly number[]): readonly ModulationGroup[] {
  return groups.map(({ blocks, by }) => ({
    by,
    blocks: new Set(kept.flatMap((old, place) => (blocks.has(old) ? [place] : []))),
  }));
}

/** The shared modulation of a block, with its place in the list. */
export function sharedModulationOf(
  groups: readonly ModulationGroup[],
  block: number,
): (SharedModulation & { readonly source: number }) | undefined {
  const source = groups.findIndex(({ blocks }) => blocks.has(block));
  const group = groups[source];
  return group && { source, ...group.by };
}

/** The tensors of bases, which belong to no block. `first` is the place of the first of them. */
export function basisTensors(modulations: readonly SharedModulation[], width: number, first = 0): TensorSpec[] {
  return modulations.flatMap((by, i) =>
    'rank' in by ? [{ name: `${basisName(first + i)}.weight`, shape: [by.rank, width] }] : [],
  );
}

export function basisName(source: number): string {
  return `modulation_basis.${source}`;
}
