/** Plans of version 1 as those of version 2: one replacement for all intervals becomes the replacement of each edit. */
import { runEdit } from '../edit/index.ts';
import { DAMAGE_SAMPLES_V1, STREAMS_V1, stacksOfSeams, upgradeCalibration } from '../report/upgrade-v1.ts';
import type { PlanV1 } from './schema-v1.ts';
import type { PlanV2 } from './schema-v2.ts';

const REPLACEMENTS: Readonly<Record<PlanV1['replacement'], PlanV2['edits'][number]['by']>> = {
  removed: 'nothing',
  probes: 'probes',
  students: 'student',
};

export function upgradeToV2(v1: PlanV1): PlanV2 {
  const { model, replacement, intervals, calibration, settings, createdWith, createdAt, ...rest } = v1;
  const { seams = [], ...named } = model;
  const by = REPLACEMENTS[replacement];
  return {
    $schema: 'urn:contigua:plan:v2',
    version: 2,
    createdWith,
    ...(createdAt === undefined ? {} : { createdAt }),
    model: { ...named, streams: STREAMS_V1, stacks: stacksOfSeams(model.numBlocks, seams) },
    edits: intervals.map(({ first, last, cka, removedError }) => ({
      ...runEdit({ first, last }, by),
      cka,
      removedError,
      outputError: by === 'nothing' ? removedError : null,
    })),
    blocks: rest.blocks,
    parameters: rest.parameters,
    blockMap: rest.blockMap,
    calibration: calibration && upgradeCalibration(calibration),
    settings: settings && { ...settings, split: 'golden-ratio', damageSamples: DAMAGE_SAMPLES_V1 },
  };
}
