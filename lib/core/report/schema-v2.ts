/** report.json as version 2 wrote it, and the parts of it that its plans share. Never edited. */
import * as z from 'zod/mini';

// As in schema.ts.
z.config({ jitless: true });

const whole = z.int().check(z.minimum(0));
const perStream = <T extends z.ZodMiniType>(value: T) => z.record(z.string(), value);
const perEstimator = <T extends z.ZodMiniType>(value: T) => z.object({ debiased: value, biased: value });
const values = z.array(z.nullable(z.number()));
const matrix = z.array(values);

export const streamSpecV2 = z.object({ id: z.string(), label: z.string() });
export const stackV2 = z.object({ id: z.string(), label: z.string(), first: whole, last: whole });

export const calibrationV2 = z.object({
  kind: z.enum(['shapes', 'file', 'synthetic']),
  label: z.string(),
  seed: z.nullable(z.number()),
  file: z.nullable(z.object({ name: z.string(), digits: z.string() })),
  samples: whole,
  timesteps: z.array(z.number()),
  tokens: perStream(whole),
  fitTokens: perStream(whole),
  heldOutTokens: perStream(whole),
});

export const reportSettingsV2 = z.object({
  ridge: z.number(),
  heldOutShare: z.number(),
  split: z.enum(['golden-ratio']),
  damageSamples: z.nullable(whole),
});

export const reportV2 = z.object({
  version: z.literal(2),
  model: z.object({
    name: z.string(),
    fingerprint: z.nullable(z.string()),
    className: z.nullable(z.string()),
    family: z.nullable(z.string()),
    numBlocks: z.int().check(z.minimum(1)),
    streams: z.array(streamSpecV2),
    stacks: z.array(stackV2),
    blocks: z.array(z.object({ kind: z.string(), stack: z.string(), updates: z.array(z.string()) })),
  }),
  calibration: calibrationV2,
  settings: reportSettingsV2,
  streams: perStream(
    z.object({
      probeR2: values,
      probeError: values,
      cka: perEstimator(matrix),
      trajectories: perEstimator(
        z.object({
          'block-u/teacher-after-k': matrix,
          'block-u/teacher-after-u': matrix,
          'probe-u/teacher-after-k': matrix,
          'probe-u/teacher-after-u': matrix,
        }),
      ),
    }),
  ),
  damage: z.array(
    z.object({
      edit: z.object({
        on: z.literal('run'),
        first: whole,
        last: whole,
        by: z.enum(['nothing', 'probes', 'student']),
      }),
      outputError: z.nullable(z.number()),
    }),
  ),
  directionErrors: matrix,
  blockMs: values,
  engine: z.nullable(z.object({ name: z.string(), device: z.string() })),
  stagesMs: z.record(z.string(), z.number()),
});
export type ReportV2 = z.infer<typeof reportV2>;
