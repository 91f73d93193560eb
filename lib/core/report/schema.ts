/**
 * The schema of report.json: the types of report.ts, checked at the door. `zod/mini`, like every schema of the core,
 * because the page loads them and the full library is three times the size.
 */
import * as z from 'zod/mini';
import { type FfnEdit, RUN_REPLACEMENTS, type RunEdit, type TextStreamEdit } from '../edit/index.ts';
import type { DeclaredBlock, DeclaredStack, StreamSpec } from '../model/config-index.ts';
import {
  type AnalysisReport,
  type Bounds,
  type CalibrationFacts,
  type Confidence,
  type EditDamage,
  type NoiseBand,
  type PartDamage,
  type Proxies,
  REPORT_VERSION,
  type ReportModel,
  type ReportSettings,
  type Similarity,
  type SplitFacts,
  type StreamAnalysis,
  type WidthDamage,
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
  kind: z.enum(['shapes', 'file', 'synthetic', 'trace']),
  label: z.string(),
  seed: z.nullable(z.number()),
  file: z.nullable(z.object({ name: z.string(), digits: z.string() })),
  samples: whole,
  timesteps: z.array(z.number()),
  tokens: perStream(whole),
  fitTokens: perStream(whole),
  heldOutTokens: perStream(whole),
  validTokens: z.optional(perStream(whole)),
}) satisfies z.ZodMiniType<CalibrationFacts>;

export const reportSettingsSchema = z.object({
  ridge: z.number(),
  damageSamples: z.nullable(whole),
  tokens: z.optional(whole),
}) satisfies z.ZodMiniType<ReportSettings>;

export const splitSchema = z.discriminatedUnion('rule', [
  z.object({
    rule: z.literal('prompt-groups'),
    seed: whole,
    share: z.number(),
    groups: whole,
    heldOutGroups: whole,
    timesteps: z.array(
      z.object({
        timestep: z.number(),
        samples: whole,
        heldOut: whole,
        tokens: z.optional(perStream(z.object({ all: whole, heldOut: whole }))),
      }),
    ),
  }),
  z.object({ rule: z.literal('golden-ratio'), share: z.number() }),
]) satisfies z.ZodMiniType<SplitFacts>;

const bandSchema = z.object({
  id: z.enum(['early', 'middle', 'late']),
  label: z.string(),
  timesteps: z.array(z.number()),
  heldOutSamples: whole,
}) satisfies z.ZodMiniType<NoiseBand>;

const share = z.number().check(z.minimum(0), z.maximum(1));
const confidenceSchema = z.object({
  level: z.literal(0.95),
  resamples: whole,
  seed: whole,
  groups: whole,
  detections: z.array(
    z.object({
      estimator: z.enum(['debiased', 'biased']),
      start: z.enum(['block-u', 'probe-u']),
      target: z.enum(['teacher-after-k', 'teacher-after-u']),
      streams: z.string(),
      intervals: z.array(z.object({ first: whole, last: whole, share })),
      breaks: z.array(z.object({ start: whole, block: whole, share })),
    }),
  ),
}) satisfies z.ZodMiniType<Confidence>;

export const boundsSchema = z.object({ low: z.number(), high: z.number() }) satisfies z.ZodMiniType<Bounds>;
const matrixBounds = z.object({ low: matrix, high: matrix });
const perReading = <T extends z.ZodMiniType>(value: T) =>
  z.object({
    'block-u/teacher-after-k': value,
    'block-u/teacher-after-u': value,
    'probe-u/teacher-after-k': value,
    'probe-u/teacher-after-u': value,
  });
const similaritySchema = z.object({
  rows: whole,
  batchRows: z.optional(whole),
  cka: perEstimator(matrix),
  trajectories: perEstimator(perReading(matrix)),
  bounds: z.nullable(
    z.object({ cka: perEstimator(matrixBounds), trajectories: perEstimator(perReading(matrixBounds)) }),
  ),
}) satisfies z.ZodMiniType<Similarity>;

const blockBounds = z.array(z.nullable(boundsSchema));
const streamSchema = z.object({
  probeR2: values,
  probeError: values,
  probeBounds: z.nullable(z.object({ r2: blockBounds, error: blockBounds })),
  similarity: z.object({ 'held-out': z.nullable(similaritySchema), all: z.nullable(similaritySchema) }),
  bands: z.array(z.object({ probeR2: values, probeError: values, similarity: similaritySchema })),
}) satisfies z.ZodMiniType<StreamAnalysis>;

const measured = { outputError: z.nullable(z.number()), bounds: z.nullable(boundsSchema), bands: values };
const damageSchema = z.object({ edit: runEditSchema, ...measured }) satisfies z.ZodMiniType<EditDamage>;
const partSchema = z.object({
  block: whole,
  part: z.enum(['attention', 'ffn', 'block']),
  ...measured,
}) satisfies z.ZodMiniType<PartDamage>;
const widthEditSchema = z.discriminatedUnion('on', [
  z.object({ on: z.literal('text-stream'), first: whole, last: whole, by: z.literal('projectors') }),
  z.object({ on: z.literal('ffn'), block: whole, stream: z.string(), by: z.literal('linear') }),
]) satisfies z.ZodMiniType<TextStreamEdit | FfnEdit>;
const widthSchema = z.object({
  edit: widthEditSchema,
  fitError: z.nullable(z.number()),
  fitBounds: z.nullable(boundsSchema),
  changeError: z.nullable(z.number()),
  ...measured,
}) satisfies z.ZodMiniType<WidthDamage>;
const proxiesSchema = z.object({
  blockInfluence: perStream(values),
  inputOutputMse: perStream(values),
  intervals: z.object({ blockInfluence: matrix, inputOutputMse: matrix }),
}) satisfies z.ZodMiniType<Proxies>;

const modelSchema = z.object({
  name: z.string(),
  fingerprint: z.nullable(z.string()),
  className: z.nullable(z.string()),
  family: z.nullable(z.string()),
  numBlocks: z.int().check(z.minimum(1)),
  width: z.nullable(z.int().check(z.minimum(1))),
  streams: z.array(streamSpecSchema),
  stacks: z.array(stackSchema),
  blocks: z.array(blockSchema),
}) satisfies z.ZodMiniType<ReportModel>;

export const reportSchema = z.object({
  version: z.literal(REPORT_VERSION),
  model: modelSchema,
  calibration: calibrationSchema,
  settings: reportSettingsSchema,
  split: splitSchema,
  bands: z.array(bandSchema),
  confidence: z.nullable(confidenceSchema),
  streams: perStream(streamSchema),
  damage: z.array(damageSchema),
  directionErrors: matrix,
  proxies: z.nullable(proxiesSchema),
  parts: z.array(partSchema),
  width: z.optional(z.array(widthSchema)),
  blockMs: values,
  engine: z.nullable(z.object({ name: z.string(), device: z.string() })),
  stagesMs: z.record(z.string(), z.number()),
}) satisfies z.ZodMiniType<AnalysisReport>;
