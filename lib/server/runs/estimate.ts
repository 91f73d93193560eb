/**
 * What a run will take, before it is started. Time rests on what steps of the same size took here before; else on the
 * operations of a step (lib/core/model/cost.ts; backward counted as two forwards) and how fast the engine runs a forward,
 * timed once per model. Memory and disk follow from shapes alone. Held-out measurements and start-up are left out.
 */
import { z } from 'zod';
import { asContiguaError, ContiguaError } from '../../core/errors.ts';
import { sumOverRemoved } from '../../core/interval/index.ts';
import type { ModelConfig } from '../../core/model/config-index.ts';
import type { RunEstimate } from '../../core/run/index.ts';
import type { RunRequest, ServerModel } from '../backend.ts';
import { firstRow, type Queryable } from '../database/database.ts';
import type { ServerModels } from '../models.ts';
import type { RunContext } from './context.ts';

const FLOAT = 4;
/** Two kept, and one being written. */
const CHECKPOINTS = 3;
/** Weights, and two moments; the gradient lives in memory alone. */
const STATE = 3;
/** Values per token and feature of a block that its backward needs: projections, both norms, the MLP's 4 × width twice. */
const SAVED_PER_FEATURE = 24;
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
  const slots = Math.max(1, Math.min(await livingSlots(tools.context.db), plan.edits.length));
  const pace = await stepPace(tools, request, model);
  const rounds = Math.ceil(plan.edits.length / slots);
  const distilMs = rounds * settings.distil.steps * pace.stepMs;
  const { fineTune } = settings;
  const { flopsPerBlock } = model.costs;
  const flopsLeft = totalOf(flopsPerBlock) - sumOverRemoved(plan.edits, flopsPerBlock);
  const fineTuneMs = fineTune
    ? (fineTune.steps * fineTune.batch * (model.costs.flopsPerForward + 3 * flopsLeft)) / pace.flopsPerMs
    : 0;
  return {
    seconds: (distilMs + fineTuneMs) / 1000,
    memoryBytes: slots * memoryOf(model, config, request),
    diskBytes: diskOf(model, config, request, slots),
    basis: pace.basis,
  };
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

async function stepPace(tools: EstimateTools, request: RunRequest, model: ServerModel): Promise<Pace> {
  const { distil, engine } = request.settings;
  const samples = distil.batch * distil.accumulation;
  const flops = flopsPerStep(model, request);
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

/** The teacher up to the interval's end, once for all intervals where its states are kept; the student three times. */
function flopsPerStep({ costs }: ServerModel, { plan, settings }: RunRequest): number {
  const { edits } = plan;
  const upTo = (block: number) => totalOf(costs.flopsPerBlock.slice(0, block + 1));
  const deepest = Math.max(...edits.map(({ last }) => last));
  const teacher =
    settings.cacheBytes > 0
      ? upTo(deepest) / edits.length
      : totalOf(edits.map(({ last }) => upTo(last))) / edits.length;
  const student = totalOf(edits.map(({ first }) => costs.flopsPerBlock[first] ?? 0)) / edits.length;
  const { batch, accumulation } = settings.distil;
  return batch * accumulation * (teacher + 3 * student);
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

/** Of one compute process: the teacher, the largest student with its optimizer, and what one batch's backward needs. */
function memoryOf(model: ServerModel, config: ModelConfig, { plan, settings }: RunRequest): number {
  const { distil, fineTune } = settings;
  const { blockParameters } = model.costs;
  const largest = Math.max(...plan.edits.map(({ first }) => blockParameters[first] ?? 0));
  const tokens = tokensOf(model);
  const attention = config.numHeads * tokens ** 2 * 2;
  const saved = tokens * config.width * SAVED_PER_FEATURE + attention;
  const optimizer = (settings: { ema: number | null }) => STATE + 1 + (settings.ema === null ? 0 : 1);
  const distilling = optimizer(distil) * largest + distil.batch * saved;
  const trained =
    fineTune?.train === 'all' ? model.parameters : totalOf(plan.edits.map(({ first }) => blockParameters[first] ?? 0));
  const tuning = fineTune ? optimizer(fineTune) * trained + fineTune.batch * saved * config.numBlocks : 0;
  return FLOAT * (model.parameters + Math.max(distilling, tuning));
}

/** Checkpoints of what trains at once, all students, and the teacher's states within their budget. */
function diskOf(model: ServerModel, config: ModelConfig, { plan, settings }: RunRequest, slots: number): number {
  const { blockParameters } = model.costs;
  const { distil, fineTune, cacheBytes } = settings;
  const stateCount = (one: { ema: number | null }) => STATE + (one.ema === null ? 0 : 1);
  const sizes = plan.edits.map(({ first }) => blockParameters[first] ?? 0);
  const students = totalOf(sizes);
  const checkpoints = slots * CHECKPOINTS * stateCount(distil) * Math.max(...sizes);
  const whole = model.parameters - sumOverRemoved(plan.edits, blockParameters);
  const trained = fineTune?.train === 'all' ? whole : students;
  const tuned = fineTune ? trained * (1 + CHECKPOINTS * stateCount(fineTune)) : 0;
  const boundaries = new Set(plan.edits.flatMap(({ first, last }) => [first - 1, last])).size;
  const samples = distil.steps * distil.batch * distil.accumulation + distil.heldOutSamples;
  const states = FLOAT * samples * tokensOf(model) * config.width * boundaries;
  return FLOAT * (students + Math.max(checkpoints, tuned)) + Math.min(cacheBytes, states);
}

/** Of all streams. */
function tokensOf({ tokensPerForward }: ServerModel): number {
  return totalOf(Object.values(tokensPerForward));
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(2);
}
