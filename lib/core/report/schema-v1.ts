/** report.json as version 1 wrote it, and the parts of it that its plans share. Never edited. */
import * as z from 'zod/mini';

// As in schema.ts.
z.config({ jitless: true });

const whole = z.int().check(z.minimum(0));
const perStream = <T extends z.ZodMiniType>(value: T) => z.object({ image: value, text: value });
const perEstimator = <T extends z.ZodMiniType>(value: T) => z.object({ debiased: value, biased: value });
const values = z.array(z.nullable(z.number()));
const matrix = z.array(values);

export const calibrationV1 = z.object({
  kind: z.enum(['shapes', 'file', 'synthetic']),
  label: z.string(),
  seed: z.nullable(z.number()),
  samples: whole,
  timesteps: z.array(z.number()),
  tokens: perStream(whole),
  fitTokens: perStream(whole),
  heldOutTokens: perStream(whole),
});
export type CalibrationV1 = z.infer<typeof calibrationV1>;

export const reportV1 = z.object({
  version: z.literal(1),
  model: z.object({
    name: z.string(),
    fingerprint: z.string(),
    family: z.string(),
    numBlocks: z.int().check(z.minimum(1)),
    seams: z.optional(z.array(whole)),
  }),
  calibration: calibrationV1,
  settings: z.object({ ridge: z.number(), heldOutShare: z.number() }),
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
      first: whole,
      last: whole,
      removedError: z.nullable(z.number()),
      probedError: z.nullable(z.number()),
      directionError: z.number(),
    }),
  ),
  blockMs: z.array(z.number()),
  engine: z.object({ name: z.string(), device: z.string() }),
  stagesMs: z.record(z.string(), z.number()),
});
export type ReportV1 = z.infer<typeof reportV1>;
