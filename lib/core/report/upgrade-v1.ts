/**
 * Reports of version 1 as those of version 2. They named no blocks, had two fixed streams, and measured each interval by nothing and
 * by probes in one entry. Where they did not say something, it is null, or one name for all blocks.
 */
import { runEdit } from '../edit/index.ts';
import type { DeclaredStack, StreamSpec } from '../model/config-index.ts';
import type { CalibrationV1, ReportV1 } from './schema-v1.ts';
import type { ReportV2 } from './schema-v2.ts';

/** The streams of every model that version 1 could open. */
export const STREAMS_V1: StreamSpec[] = [
  { id: 'image', label: 'image' },
  { id: 'text', label: 'text' },
];
/** Held-out samples of every measured interval in version 1. */
export const DAMAGE_SAMPLES_V1 = 8;

export function upgradeToV2(v1: ReportV1): ReportV2 {
  const { model, calibration, settings, damage, ...rest } = v1;
  const directionErrors = Array.from({ length: model.numBlocks }, () =>
    new Array<number | null>(model.numBlocks).fill(null),
  );
  for (const { first, last, directionError } of damage) {
    const row = directionErrors[first];
    if (row && last < row.length) row[last] = directionError;
  }
  return {
    ...rest,
    version: 2,
    model: upgradeModel(v1),
    calibration: upgradeCalibration(calibration),
    settings: { ...settings, split: 'golden-ratio', damageSamples: DAMAGE_SAMPLES_V1 },
    damage: damage.flatMap(({ first, last, removedError, probedError }) => [
      { edit: runEdit({ first, last }, 'nothing'), outputError: removedError },
      { edit: runEdit({ first, last }, 'probes'), outputError: probedError },
    ]),
    directionErrors,
  };
}

function upgradeModel({ model, streams }: ReportV1): ReportV2['model'] {
  const { name, fingerprint, family, numBlocks, seams } = model;
  const stacks = stacksOfSeams(numBlocks, seams ?? []);
  return {
    name,
    fingerprint,
    className: null,
    family,
    numBlocks,
    streams: STREAMS_V1,
    stacks,
    blocks: stacks.flatMap(({ id, first, last }) =>
      Array.from({ length: last - first + 1 }, (_, i) => ({
        kind: 'block',
        stack: id,
        // A block that leaves a stream as it is has no probe there, and so no similarity of one.
        updates: (['image', 'text'] as const).filter(
          (stream) => (probed(streams[stream])[first + i]?.[first + i] ?? null) !== null,
        ),
      })),
    ),
  };
}

/** Similarities of a surrogate whose first block is a probe too, so that each diagonal value is of one probe alone. */
function probed({ trajectories }: ReportV1['streams']['image']) {
  return trajectories.biased['probe-u/teacher-after-k'];
}

export function upgradeCalibration(calibration: CalibrationV1): ReportV2['calibration'] {
  return { ...calibration, file: null };
}

/** Stacks without names, from the first blocks of every one but the first. */
export function stacksOfSeams(numBlocks: number, seams: readonly number[]): DeclaredStack[] {
  const firsts = [0, ...seams];
  return firsts.map((first, i) => ({
    id: `stack-${i + 1}`,
    label: 'blocks',
    first,
    last: (firsts[i + 1] ?? numBlocks) - 1,
  }));
}
