/**
 * The diffusers `config.json` of the pruned transformer: the model's own, every key kept, with the numbers that depth
 * pruning changes. Which those are differs by family; written as diffusers writes it (sorted keys, two spaces, ASCII).
 */
import { ContiguaError } from '../errors.ts';
import { type IntervalSet, removedCount } from '../interval/index.ts';
import type { Family } from '../model/config-index.ts';

type RawConfig = Readonly<Record<string, unknown>>;

/** The changed keys of each family, given how many blocks stay. */
const CHANGES: Readonly<Record<Family, (blocksLeft: number) => RawConfig>> = {
  'qwen-image': (blocksLeft) => ({ num_layers: blocksLeft }),
};

export interface ExportedModel {
  readonly family: string;
  readonly numBlocks: number;
  /** config.json as it was. */
  readonly config: RawConfig;
}

/** Text of the pruned model's config.json. */
export function prunedConfig({ family, numBlocks, config }: ExportedModel, intervals: IntervalSet): string {
  if (!isFamily(family)) {
    throw new ContiguaError('checkpoint-unsupported', 'No pruned config can be written for this family', {
      found: family,
      expected: Object.keys(CHANGES).join(' or '),
    });
  }
  return formatLikeDiffusers({ ...config, ...CHANGES[family](numBlocks - removedCount(intervals)) });
}

function isFamily(name: string): name is Family {
  return Object.hasOwn(CHANGES, name);
}

/** Python's `json.dumps(value, indent=2, sort_keys=True)` and a newline. */
function formatLikeDiffusers(value: unknown): string {
  const text = JSON.stringify(sortedKeys(value), null, 2);
  return `${text.replaceAll(/[\u0080-\uffff]/g, escaped)}\n`;
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function sortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sortedKeys(inner)]));
}
