/**
 * The schema of report.json: the types of report.ts, checked at the door. `zod/mini`, like every schema of the core,
 * because the page loads them and the full library is three times the size.
 */
import * as z from 'zod/mini';
import {
  type AnalysisReport,
  type CalibrationFacts,
  type IntervalDamage,
  REPORT_VERSION,
  type StreamAnalysis,
} from './report.ts';

// Compiling schemas needs `eval`, which the page's Content-Security-Policy forbids; before any schema is made.
z.config({ jitless: true });

const whole = z.int().check(z.minimum(0));
const perStream = <T extends z.ZodMiniType>(value: T) => z.object({ image: value, text: value });
const perEstimator = <T extends z.ZodMiniType>(value: T) => z.object({ debiased: value, biased: value });
const values = z.array(z.nullable(z.number()));
const matrix = z.array(values);

export const calibrationSchema = z.object({
  kind: z.enum(['shapes', 'file', 'synthetic']),
  label: z.string(),
  seed: z.nullable(z.number()),
  samples: whole,
  timesteps: z.array(z.number()),
  tokens: perStream(whole),
  fitTokens: perStream(whole),
  heldOutTokens: perStream(whole),
}) satisfies z.ZodMiniType<CalibrationFacts>;

const streamSchema = z.object({
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
}) satisfies z.ZodMiniType<StreamAnalysis>;

const damageSchema = z.object({
  first: whole,
  last: whole,
  removedError: z.nullable(z.number()),
  probedError: z.nullable(z.number()),
  directionError: z.number(),
}) satisfies z.ZodMiniType<IntervalDamage>;

export const reportSchema = z.object({
  version: z.literal(REPORT_VERSION),
  model: z.object({
    name: z.string(),
    fingerprint: z.string(),
    family: z.string(),
    numBlocks: z.int().check(z.minimum(1)),
    seams: z.optional(z.array(whole)),
  }),
  calibration: calibrationSchema,
  settings: z.object({ ridge: z.number(), heldOutShare: z.number() }),
  streams: perStream(streamSchema),
  damage: z.array(damageSchema),
  blockMs: z.array(z.number()),
  engine: z.object({ name: z.string(), device: z.string() }),
  stagesMs: z.record(z.string(), z.number()),
}) satisfies z.ZodMiniType<AnalysisReport>;
