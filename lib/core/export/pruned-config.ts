/**
 * The diffusers `config.json` of the pruned transformer: the model's own, every key kept, with the numbers that depth
 * pruning changes. Which those are its family says; written as diffusers writes it (sorted keys, two spaces, ASCII).
 */
import type { EditSet } from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import { type IntervalSet, removedBlocks } from '../interval/index.ts';
import { editedConfig, parseModelConfig, prunedModel, type RawConfig } from '../model/config-index.ts';

export interface ExportedModel {
  readonly numBlocks: number;
  /** config.json as it was. */
  readonly config: RawConfig;
}

/** Text of the pruned model's config.json. Throws `checkpoint-unsupported` for a class of no known family. */
export function prunedConfig({ numBlocks, config }: ExportedModel, intervals: IntervalSet): string {
  const removed = new Set(removedBlocks(intervals));
  const kept = Array.from({ length: numBlocks }, (_, index) => index).filter((index) => !removed.has(index));
  return formatLikeDiffusers(prunedModel(parseModelConfig(JSON.stringify(config), 'config.json'), kept).raw);
}

/** The same for edits of every kind (a valid set). Throws `checkpoint-unsupported` where no class reads such blocks, with the reason. */
export function editedConfigText({ config }: Pick<ExportedModel, 'config'>, edits: EditSet): string {
  const edited = editedConfig(parseModelConfig(JSON.stringify(config), 'config.json'), edits);
  if (!('why' in edited)) return formatLikeDiffusers(edited.raw);
  throw new ContiguaError('checkpoint-unsupported', 'No class of diffusers or PPCL holds these edits', {
    found: edited.why,
  });
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
