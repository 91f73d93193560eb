/**
 * What a run will take, before it is started. Time rests on what steps of the same size took here before; else on the
 * operations of a step (lib/core/model/cost.ts; backward counted as two forwards) and how fast the engine runs a forward,
 * timed once per model. Memory, disk and what is read of the teacher follow from shapes alone. Held-out measurements and start-up are left out of the time.
 */
import { z } from 'zod';
import { type EditSet, runsOf, spanOf } from '../../core/edit/index.ts';
import { asContiguaError, ContiguaError } from '../../core/errors.ts';
import { type BlockInterval, removedBlocks } from '../../core/interval/index.ts';
import {
  architectureOf,
  DEFAULT_RESIDENT_BYTES,
  editedModel,
  type ModelConfig,
  residentBlocks,
  tunedParameters,
} from '../../core/model/config-index.ts';
import type { Plan } from '../../core/plan/index.ts';
import {
  DEFAULT_SWEEP_BYTES,
  narrowSettings,
  type RunEstimate,
  type TeacherEstimate,
  type TeacherWork,
  teacherWork,
} from '../../core/run/index.ts';
import type { RunRequest, ServerModel } from '../backend.ts';
import { firstRow, type Queryable } from '../database/database.ts';
import type { ServerModels } from '../models.ts';
import type { RunContext } from './context.ts';
import { assertEditable } from './editable.ts';

const FLOAT = 4;
/** Two kept, and one being written. */
const CHECKPOINTS = 3;
/** Weights, and two moments; the gradient lives in memory alone. */
const STATE = 3;
/** Values per token and feature of a block that its backward needs: projections, both norms, the MLP's 4 × width twice. */
const SAVED_PER_FEATURE = 48;
/** Node and the engine's library. */
const PROCESS_BYTES = 0.35e9;
/** A forward beyond this is not timed for an estimate; a smaller model's rate stands in. */
const MAX_TIMED_FLOPS = 1e11;
/** Where nothing was ever measured: one thread of WASM on one core. */
const ASSUMED_FLOPS_PER_MS = 1e7;

/** What an estimate asks of a job runner. */
export interface TimesForwards {
  /** Times a forward of the model on this job runner's engine, in a process of its own; null where there is no engine. */
  calibrate(model: TimedModel, signal: AbortSignal): Promise<Calibrated | null>;
}

export interface TimedModel {
  /** Of its folder. */
  readonly url: string;
  readonly name: string;
  readonly fingerprint: string;
}

export interface Calibrated {
  readonly host: string;
  readonly engine: string;
  readonly device: string;
  /** Milliseconds of a forward of one sample. */
  readonly forwardMs: number;
}

export interface EstimateTools {
  readonly context: RunContext;
  readonly models: Pick<ServerModels, 'read' | 'config' | 'list' | 'modelFolder'>;
  readonly runner: TimesForwards | null;
  readonly signal: AbortSignal;
}

export async function estimateRun(tools: EstimateTools, request: RunRequest): Promise<RunEstimate> {
  const { plan, settings, modelId } = request;
  const model = await tools.models.read(modelId);
  const config = await tools.models.config(modelId);
  if (plan.model.fingerprint !== model.fingerprint || plan.edits.length === 0) {
    throw new ContiguaError('plan-mismatch', 'The plan is for another model, or names no interval', {
      found: plan.model.name,
      expected: model.name,
    });
  }
  assertEditable(plan, config);
  const spans = trainedSpans(plan);
  const slots = Math.max(1, Math.min(await livingSlots(tools.context.db), spans.length));
  const teacher = teacherOf(model, config, request);
  const pace = await stepPace(tools, request, model, teacher);
  const rounds = Math.ceil(spans.length / slots);
  const distilMs = trainsInBlocks(plan.edits) ? rounds * settings.distil.steps * pace.stepMs : 0;
  const { fineTune } = settings;
  // Through the edited model and back, beside the teacher's forward. In training, shared modulations cost what the model's own do.
  const edited = editedModel(config, withoutModulations(plan.edits));
  const wholeMs = (model.costs.flopsPerForward + 3 * edited.flops(model.tokensPerForward)) / pace.flopsPerMs;
  const { steps: sharedSteps, batch } = narrowSettings(settings);
  const sharedMs = sharesByRank(plan.edits) ? sharedSteps * batch * wholeMs : 0;
  const fineTuneMs = fineTune ? fineTune.steps * fineTune.batch * wholeMs : 0;
  // No states are kept where nothing is trained on them; then `teacher` is what the pace of earlier runs is told by.
  const { passes: _, ...estimate } = trainsInBlocks(plan.edits) ? teacher : teacherOf(model, config, request, 0);
  return {
    seconds: (distilMs + sharedMs + fineTuneMs) / 1000,
    memoryBytes: slots * memoryOf(model, config, request, estimate),
    diskBytes: diskOf(model, config, request, slots) + estimate.keptBytes,
    teacher: estimate,
    basis: pace.basis,
  };
}

function withoutModulations(edits: EditSet): EditSet {
  return edits.filter(({ on }) => on !== 'modulation');
}

/** Tables are exact and are not trained. */
function sharesByRank(edits: EditSet): boolean {
  return edits.some((edit) => edit.on === 'modulation' && 'rank' in edit.by);
}

/** Modulations are trained through the whole depth alone. */
function trainsInBlocks(edits: EditSet): boolean {
  return edits.some(({ on }) => on !== 'modulation');
}

/** Blocks that jobs train in, one entry a job; maps are counted as students, which take more. Modulations alone are of the whole depth. */
function trainedSpans({ edits, model }: Plan): BlockInterval[] {
  const spans = edits.flatMap((edit) => (edit.on === 'modulation' ? [] : [spanOf(edit)]));
  return spans.length > 0 ? spans : [{ first: 0, last: model.numBlocks - 1 }];
}

async function livingSlots(db: Queryable): Promise<number> {
  const row = await firstRow(
    db,
    z.object({ slots: z.int() }),
    `select coalesce(sum(slots), 0)::int as slots from contigua.workers
     where seen_at > clock_timestamp() - interval '30 seconds' and report ->> 'name' <> ''`,
  );
  return row?.slots ?? 0;
}

interface Pace {
  readonly stepMs: number;
  readonly flopsPerMs: number;
  readonly basis: string;
}

const paceRow = z.object({ step_ms: z.number(), engine: z.string(), device: z.string() });

async function stepPace(
  tools: EstimateTools,
  request: RunRequest,
  model: ServerModel,
  teacher: TeacherWork,
): Promise<Pace> {
  const { distil, engine } = request.settings;
  const samples = distil.batch * distil.accumulation;
  const flops = flopsPerStep(model, request, teacher);
  const known = await firstRow(
    tools.context.db,
    paceRow,
    `select step_ms, engine, device from contigua.paces
     where fingerprint = $1 and batch = $2 and ($3 = 'auto' or engine = $3) order by created_at desc limit 1`,
    [model.fingerprint, samples, engine],
  );
  if (known) {
    const { step_ms: stepMs, device } = known;
    const basis = `measured: ${round(stepMs)} ms per step of an earlier run on ${known.engine} (${device})`;
    return { stepMs, flopsPerMs: flops / stepMs, basis };
  }
  let why = 'because this model has not been timed on any worker yet';
  const rate = await forwardRate(tools, model).catch((thrown: unknown) => {
    why = `because timing a forward pass failed: ${asContiguaError(thrown).message}`;
    return null;
  });
  if (rate) {
    const stepMs = flops / rate.flopsPerMs;
    const where = `${rate.engine} (${rate.device})`;
    const basis = `computed: ${round(stepMs)} ms per step at the ${round(rate.flopsPerMs / 1e6)} GFLOP/s of a forward on ${where}`;
    return { stepMs, flopsPerMs: rate.flopsPerMs, basis };
  }
  const stepMs = flops / ASSUMED_FLOPS_PER_MS;
  const basis = `assumed: ${round(ASSUMED_FLOPS_PER_MS / 1e6)} GFLOP/s, ${why}`;
  return { stepMs, flopsPerMs: ASSUMED_FLOPS_PER_MS, basis };
}

/** The teacher as often as batches pass its blocks, shared by all steps; the student three times. */
function flopsPerStep({ costs }: ServerModel, { plan, settings }: RunRequest, { passes }: TeacherWork): number {
  const edits = trainedSpans(plan);
  const { batch, accumulation, steps } = settings.distil;
  const teacher = totalOf(passes.map((count, block) => count * (costs.flopsPerBlock[block] ?? 0)));
  const student = totalOf(edits.map(({ first }) => costs.flopsPerBlock[first] ?? 0)) / edits.length;
  return batch * (teacher / (steps * edits.length) + accumulation * 3 * student);
}

function teacherOf(
  model: ServerModel,
  config: ModelConfig,
  { plan, settings }: RunRequest,
  batches = settings.distil.steps * settings.distil.accumulation,
): TeacherWork {
  const { blocks } = architectureOf(config);
  const { batch, distinctBatches, stateDType = 'f32' } = settings.distil;
  return teacherWork({
    intervals: trainedSpans(plan),
    blockBytes: blocks.map(({ parameters }) => (parameters * model.sizeBytes) / model.parameters),
    residentBlocks: residentBlocks(blocks, DEFAULT_RESIDENT_BYTES),
    stateBytes: stateBytesOf(model, config, batch),
    batches,
    distinct: Math.min(batches, distinctBatches ?? batches),
    dtype: stateDType,
    cacheBytes: settings.cacheBytes,
    sweepBytes: settings.sweepBytes ?? DEFAULT_SWEEP_BYTES,
    isGiven: settings.data.kind === 'file' && settings.data.boundaries !== undefined,
  });
}

/** Of so many samples after one block. */
function stateBytesOf(model: ServerModel, { width }: ModelConfig, samples: number): number {
  return FLOAT * samples * tokensOf(model) * width;
}

function totalOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

const rateRow = z.object({ flops_per_ms: z.number(), engine: z.string(), device: z.string() });

/** Timed once and kept. */
async function forwardRate(
  { context: { db }, models, runner, signal }: EstimateTools,
  model: ServerModel,
): Promise<{ flopsPerMs: number; engine: string; device: string } | null> {
  const timed = model.costs.flopsPerForward <= MAX_TIMED_FLOPS ? model : await timeable(models);
  const known = await firstRow(
    db,
    rateRow,
    'select flops_per_ms, engine, device from contigua.rates where fingerprint = $1 order by created_at desc limit 1',
    [timed?.fingerprint ?? model.fingerprint],
  );
  if (known) return { flopsPerMs: known.flops_per_ms, engine: known.engine, device: known.device };
  if (!timed || !runner) return null;
  const { id, name, fingerprint } = timed;
  const found = await runner.calibrate({ url: await models.modelFolder(id), name, fingerprint }, signal);
  if (!found) return null;
  const { host, engine, device, forwardMs } = found;
  const flopsPerMs = timed.costs.flopsPerForward / forwardMs;
  await db.change(
    'insert into contigua.rates (host, engine, device, fingerprint, flops_per_ms) values ($1, $2, $3, $4, $5)',
    [host, engine, device, fingerprint, flopsPerMs],
  );
  return { flopsPerMs, engine, device };
}

/** The largest model whose forward is short enough to time. */
async function timeable(models: EstimateTools['models']): Promise<ServerModel | null> {
  const small = (await models.list()).filter(({ costs }) => costs.flopsPerForward <= MAX_TIMED_FLOPS);
  return small.toSorted((a, b) => b.costs.flopsPerForward - a.costs.flopsPerForward)[0] ?? null;
}

/**
 * Of one compute process: what of the teacher stays in memory, held-out states, and either a window on its way through the
 * teacher or the largest student with its optimizer and what one batch's backward needs.
 */
function memoryOf(
  model: ServerModel,
  config: ModelConfig,
  { plan, settings }: RunRequest,
  { windowBatches, keptBytes }: TeacherEstimate,
): number {
  const { distil, fineTune } = settings;
  const { blockParameters } = model.costs;
  const largest = Math.max(...trainedSpans(plan).map(({ first }) => blockParameters[first] ?? 0));
  const tokens = tokensOf(model);
  const attention = config.numHeads * tokens ** 2 * 2;
  const saved = tokens * config.width * SAVED_PER_FEATURE + attention;
  const optimizer = (settings: { ema: number | null }) => STATE + 1 + (settings.ema === null ? 0 : 1);
  const student = FLOAT * (optimizer(distil) * largest + distil.batch * saved);
  const { blocks } = architectureOf(config);
  const resident = residentBlocks(blocks, DEFAULT_RESIDENT_BYTES);
  const passing = FLOAT * Math.max(0, ...blocks.slice(resident).map(({ parameters }) => parameters));
  const outside = model.parameters - totalOf(blocks.map(({ parameters }) => parameters));
  const teacher = FLOAT * (outside + totalOf(blocks.slice(0, resident).map(({ parameters }) => parameters)));
  const states = 2 * stateBytesOf(model, config, distil.heldOutSamples);
  const window = windowBatches * stateBytesOf(model, config, distil.batch);
  // Where the disk has no room the states around the interval wait in memory while the student trains.
  const waiting = keptBytes > 0 ? 0 : 2 * window;
  const weights = STATE * largest * FLOAT;
  const distilling = trainsInBlocks(plan.edits)
    ? states + Math.max(student + waiting, weights + passing + window + waiting)
    : 0;
  // Through the whole depth at once, with every block's weights on the engine.
  const throughAll = (trained: number, one: { ema: number | null; batch: number }) =>
    FLOAT * (model.parameters + optimizer(one) * trained + one.batch * saved * blocksLeft(config, plan.edits));
  const tuning = fineTune ? throughAll(tunedParameters(config, plan.edits, fineTune.train), fineTune) : 0;
  const modulations = plan.edits.filter(({ on }) => on === 'modulation');
  const sharing = sharesByRank(plan.edits)
    ? throughAll(tunedParameters(config, modulations, 'students'), narrowSettings(settings))
    : 0;
  return PROCESS_BYTES + Math.max(teacher + distilling, tuning, sharing);
}

function blocksLeft({ numBlocks }: ModelConfig, edits: EditSet): number {
  return numBlocks - removedBlocks(runsOf(edits)).length;
}

/** Checkpoints of what trains at once, and all students. */
function diskOf(model: ServerModel, config: ModelConfig, { plan, settings }: RunRequest, slots: number): number {
  const { blockParameters } = model.costs;
  const { distil, fineTune } = settings;
  const stateCount = (one: { ema: number | null }) => STATE + (one.ema === null ? 0 : 1);
  const sizes = trainedSpans(plan).map(({ first }) => blockParameters[first] ?? 0);
  const inBlocks = trainsInBlocks(plan.edits) ? 1 : 0;
  const students = inBlocks * totalOf(sizes);
  const checkpoints = inBlocks * slots * CHECKPOINTS * stateCount(distil) * Math.max(...sizes);
  const tuned = fineTune
    ? tunedParameters(config, plan.edits, fineTune.train) * (1 + CHECKPOINTS * stateCount(fineTune))
    : 0;
  return FLOAT * (students + Math.max(checkpoints, tuned));
}

/** Of all streams. */
function tokensOf({ tokensPerForward }: ServerModel): number {
  return totalOf(Object.values(tokensPerForward));
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(2);
}
