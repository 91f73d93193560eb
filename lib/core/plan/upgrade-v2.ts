/** Plans of version 2 as today's: they did not say over which tokens similarities were taken, since it was always all. */
import { upgradeSettings } from '../report/upgrade-v2.ts';
import { PLAN_SCHEMA_ID, PLAN_VERSION, type Plan, type PlanSettings } from './plan.ts';
import type { PlanV2 } from './schema-v2.ts';

export function upgradePlan({ settings, ...rest }: PlanV2): Plan {
  return {
    ...rest,
    $schema: PLAN_SCHEMA_ID,
    version: PLAN_VERSION,
    settings: settings && upgradePlanSettings(settings),
  };
}

function upgradePlanSettings({
  estimator,
  start,
  target,
  streams,
  ...measured
}: NonNullable<PlanV2['settings']>): PlanSettings {
  const { settings, split } = upgradeSettings(measured);
  return { rows: 'all', estimator, start, target, streams, ...settings, split };
}
