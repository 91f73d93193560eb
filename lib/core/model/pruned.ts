/** The model that is left when only some blocks stay: its config, as its family writes it, and its own blocks. */
import type { ModelConfig } from './architecture.ts';
import { architectureOf, blockAt } from './counts.ts';
import { familyNamed } from './families.ts';

/** `kept` are indices of `config`'s blocks, ascending; block i of the result is block `kept[i]`. */
export function prunedModel(config: ModelConfig, kept: readonly number[]): ModelConfig {
  const architecture = architectureOf(config);
  const family = familyNamed(config.family);
  const keys = family.prunedKeys(
    config,
    kept.map((index) => blockAt(architecture, index)),
  );
  return family.parse({ ...config.raw, ...keys }, config.className, 'config.json');
}
