/** The schema of report.json: the types of report.ts, checked at the door. */
import * as z from 'zod';
import {
  type AnalysisReport,
  type CalibrationFacts,
  type IntervalDamage,
  REPORT_VERSION,
  type StreamAnalysis,
} from './report.ts';

const index = z.int().min(0);
const count = z.int().min(0);
const perStream = <T extends z.ZodType>(value: T) => z.object({ image: value, text: value });
const perEstimator = <T extends z.ZodType>(value: T) => z.object({ debiased: value, biased: value });
const values = z.array(z.number().nullable());
const matrix = z.array(values);

export const calibrationSchema = z.object({
  kind: z.enum(['shapes', 'file', 'synthetic']),
  label: z.string(),
  seed: z.number().nullable(),
  samples: count,
  timesteps: z.array(z.number()),
  tokens: perStream(count),
  fitTokens: perStream(count),
  heldOutTokens: perStream(count),
}) satisfies z.ZodType<CalibrationFacts>;

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
}) satisfies z.ZodType<StreamAnalysis>;

const damageSchema = z.object({
  first: index,
  last: index,
  removedError: z.number(),
  probedError: z.number(),
  directionError: z.number(),
}) satisfies z.ZodType<IntervalDamage>;

export const reportSchema = z.object({
  version: z.literal(REPORT_VERSION),
  model: z.object({ name: z.string(), fingerprint: z.string(), family: z.string(), numBlocks: z.int().min(1) }),
  calibration: calibrationSchema,
  settings: z.object({ ridge: z.number(), heldOutShare: z.number() }),
  streams: perStream(streamSchema),
  damage: z.array(damageSchema),
  blockMs: z.array(z.number()),
  engine: z.object({ name: z.string(), device: z.string() }),
  stagesMs: z.record(z.string(), z.number()),
}) satisfies z.ZodType<AnalysisReport>;
