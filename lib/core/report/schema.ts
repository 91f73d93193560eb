/**
 * The schema of report.json: the types of report.ts, checked at the door. `zod/mini`, like every schema of the core,
 * because the page loads them and the full library is three times the size.
 */
import * as z from 'zod/mini';
import { RUN_REPLACEMENTS, type RunEdit } from '../edit/index.ts';
import type { DeclaredBlock, DeclaredStack, StreamSpec } from '../model/config-index.ts';
import {
  type AnalysisReport,
  type CalibrationFacts,
  type EditDamage,
  REPORT_VERSION,
  type ReportModel,
  type ReportSettings,
  type StreamAnalysis,
} from './report.ts';

// Compiling schemas needs `eval`, which the page's Content-Security-Policy forbids; before any schema is made.
z.config({ jitless: true });

const whole = z.int().check(z.minimum(0));
export const perStream = <T extends z.ZodMiniType>(value: T) => z.record(z.string(), value);
const perEstimator = <T extends z.ZodMiniType>(value: T) => z.object({ debiased: value, biased: value });
const values = z.array(z.nullable(z.number()));
const matrix = z.array(values);

export const streamSpecSchema = z.object({ id: z.string(), label: z.string() }) satisfies z.ZodMiniType<StreamSpec>;
export const stackSchema = z.object({
  id: z.string(),
  label: z.string(),
  first: whole,
  last: whole,
}) satisfies z.ZodMiniType<DeclaredStack>;
const blockSchema = z.object({
  kind: z.string(),
  stack: z.string(),
  updates: z.array(z.string()),
}) satisfies z.ZodMiniType<DeclaredBlock>;
export const runEditSchema = z.object({
  on: z.literal('run'),
  first: whole,
  last: whole,
  by: z.enum(RUN_REPLACEMENTS),
}) satisfies z.ZodMiniType<RunEdit>;

export const calibrationSchema = z.object({
  kind: z.enum(['shapes', 'file', 'synthetic']),
  label: z.string(),
  seed: z.nullable(z.number()),
  file: z.nullable(z.object({ name: z.string(), digits: z.string() })),
  samples: whole,
  timesteps: z.array(z.number()),
  tokens: perStream(whole),
  fitTokens: perStream(whole),
  heldOutTokens: perStream(whole),
}) satisfies z.ZodMiniType<CalibrationFacts>;

export const reportSettingsSchema = z.object({
  ridge: z.number(),
  heldOutShare: z.number(),
  split: z.enum(['golden-ratio']),
  damageSamples: z.nullable(whole),
}) satisfies z.ZodMiniType<ReportSettings>;

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
  edit: runEditSchema,
  outputError: z.nullable(z.number()),
}) satisfies z.ZodMiniType<EditDamage>;

const modelSchema = z.object({
  name: z.string(),
  fingerprint: z.nullable(z.string()),
  className: z.nullable(z.string()),
  family: z.nullable(z.string()),
  numBlocks: z.int().check(z.minimum(1)),
  streams: z.array(streamSpecSchema),
  stacks: z.array(stackSchema),
  blocks: z.array(blockSchema),
}) satisfies z.ZodMiniType<ReportModel>;

export const reportSchema = z.object({
  version: z.literal(REPORT_VERSION),
  model: modelSchema,
  calibration: calibrationSchema,
  settings: reportSettingsSchema,
  streams: perStream(streamSchema),
  damage: z.array(damageSchema),
  directionErrors: matrix,
  blockMs: values,
  engine: z.nullable(z.object({ name: z.string(), device: z.string() })),
  stagesMs: z.record(z.string(), z.number()),
}) satisfies z.ZodMiniType<AnalysisReport>;
