/** A plan of a tiny model without a report, for tests alone. */
import { DEFAULT_DETECTION } from '../detection/index.ts';
import type { RunSet } from '../edit/index.ts';
import { architectureOf, countParameters, type ModelConfig } from '../model/config-index.ts';
import { buildPlan, type RunPlan } from '../plan/index.ts';

export function tinyPlan(config: ModelConfig, fingerprint: string, edits: RunSet): RunPlan {
  const { globals: globalParameters } = countParameters(config);
  const model = { ...config, ...architectureOf(config), name: 'tiny', fingerprint, globalParameters };
  return buildPlan({ model, report: null, edits, detection: DEFAULT_DETECTION });
}
