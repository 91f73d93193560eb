/**
 * `contigua distil`: from a plan to a smaller model, on the durable backend in this process. The run is in the database from
 * its first moment: the same command finds its run again, by model, plan and settings, and resumes it. Ctrl-C and SIGTERM
 * store a checkpoint first; a crash or a power cut costs the steps since the last one.
 */

import { openModelFolder } from '../lib/compute/folder/file-host.ts';
import { nodeSources } from '../lib/compute/folder/node-sources.ts';
import { type Edit, editKey, editSetOf, runsOf } from '../lib/core/edit/index.ts';
import { ContiguaError } from '../lib/core/errors.ts';
import { DEFAULT_EXPORTER, editedConfigText } from '../lib/core/export/index.ts';
import type { ModelSummary } from '../lib/core/folder/model-summary.ts';
import { openModel } from '../lib/core/folder/open-model.ts';
import { formatIntervalKey, sameIntervals } from '../lib/core/interval/index.ts';
import { MAX_JSON_BYTES } from '../lib/core/json-text.ts';
import { editableModel } from '../lib/core/model/config-index.ts';
import { assertPlanFits, type Plan, parsePlan } from '../lib/core/plan/index.ts';
import {
  doneKeys,
  type RunEstimate,
  type RunSettings,
  type RunView,
  type TrainingData,
  teacherSentence,
} from '../lib/core/run/index.ts';
import type { Backend, RunRequest } from '../lib/server/backend.ts';
import { DEFAULT_TIMING } from '../lib/server/runs/context.ts';
import { type Arguments, parseArguments, usage } from './arguments.ts';
import type { CommandContext } from './command.ts';
import { DISTIL_OPTIONS, formerSettings, settingsFor } from './distil-settings.ts';
import { errorTable } from './error-table.ts';
import { assertExportable, type ExportChoice, exportRun } from './export-run.ts';
import { followRun, measureSubset } from './follow-run.ts';
import { BACKEND_OPTIONS, localPaths, withBackend } from './local-backend.ts';
import { isRemote, modelSource } from './model-source.ts';
import { tell, writeText } from './output.ts';
import { progressOn } from './progress.ts';
import { readText } from './read-text.ts';
import { clock } from './run-progress.ts';

const DTYPES = ['teacher', 'F32'] as const;
/** How long Ctrl-C waits for running intervals to store their checkpoints: longer than their worker lets them take. */
const PAUSE_MS = 2 * DEFAULT_TIMING.stop;

export async function distil(argv: readonly string[], { signal }: CommandContext): Promise<void> {
  const args = parseArguments('distil', argv, {
    plan: { type: 'string' },
    name: { type: 'string' },
    out: { type: 'string' },
    dtype: { type: 'string' },
    estimate: { type: 'boolean' },
    ...DISTIL_OPTIONS,
    ...BACKEND_OPTIONS,
  });
  const settings = settingsFor(args);
  const dtype = args.oneOf('dtype', DTYPES, 'teacher');
  const planPath = args.required('plan');
  const plan = parsePlan(await readText(planPath, MAX_JSON_BYTES.plan), planPath);
  const source = await modelSource(args.model, signal);
  const sources = nodeSources();
  sources.readUntil?.(signal);
  const { summary: model, config } = await openModel(await openModelFolder(source, sources));
  assertPlanFits(plan, model, planPath);
  if (plan.edits.length === 0) {
    throw new ContiguaError('plan-invalid', 'The plan has no interval to distil', { file: planPath });
  }
  const edits = editSetOf(plan.edits, editableModel(config), planPath);
  // Tells why no class reads what is left, where none does.
  if (edits.some(({ on }) => on !== 'run')) editedConfigText(model, edits);
  const out = args.text('out') ?? `${model.name.replaceAll('/', '-')}-${plan.blocks.after}-blocks`;
  await assertExportable(out);
  const data = dataOf(args, model);
  const boundaries = boundariesAskedFor(args, data);
  const { env, modelId, dataId, boundariesId } = await localPaths(
    args,
    {
      model: isRemote(args.model) ? source.url : args.model,
      ...(data.kind === 'file' ? { data: data.path } : {}),
      ...boundaries,
    },
    !args.flag('estimate'),
  );
  const files = boundariesId === null ? {} : { boundaries: boundariesId };
  const request: RunRequest = {
    ...(args.text('name') === undefined ? {} : { name: args.required('name') }),
    modelId: modelId ?? '',
    plan,
    settings: { ...settings(model.width), data: dataId === null ? data : { kind: 'file', path: dataId, ...files } },
  };
  await withBackend(env, async (backend) => {
    const known =
      (await sameRun(backend, request, model)) ??
      (await unfinishedOf(
        backend,
        formerSettings(request.settings, {
          steps: args.text('steps') === undefined,
          fineTuneSteps: args.text('fine-tune-steps') === undefined,
        }).map((former) => ({ ...request, settings: former })),
        model,
      ));
    // A resumed run printed its estimate when it began, and measuring takes a while.
    if (!known || args.flag('estimate'))
      for (const line of estimateText(plan, await backend.estimate(request))) tell(line);
    if (args.flag('estimate')) return;
    const id = known ? await resume(backend, known) : await backend.createRun(request);
    if (!known) tell(`run ${id}`);
    await finish(backend, id, signal);
    const run = await measured(backend, id, signal);
    const choice: ExportChoice = {
      plugged: run.plan.edits,
      narrow: run.jobs.flatMap(({ key, narrow }) => (narrow ? [key] : [])),
      fineTuned: run.settings.fineTune !== null,
      dtype,
      exporter: DEFAULT_EXPORTER,
    };
    const display = progressOn(process.stderr);
    await exportRun(backend, run, choice, out, { signal, onProgress: display.show }).finally(display.end);
    await writeText(undefined, errorTable(run));
    tell(`wrote ${out}: ${run.plan.blocks.before} → ${run.plan.blocks.after} blocks (run ${id})`);
  });
}

function dataOf(args: Arguments, { drawable }: ModelSummary): TrainingData {
  const wanted = args.text('data') ?? (drawable ? 'shapes' : undefined);
  if (wanted === undefined) {
    throw usage(
      'distil',
      '--data is needed: the sample grammar does not fit this model',
      'none',
      'a calibration file, or synthetic',
    );
  }
  if (wanted === 'shapes' && !drawable) {
    throw usage(
      'distil',
      'The sample grammar does not fit this model',
      '--data shapes',
      'a calibration file, or synthetic',
    );
  }
  if (wanted === 'synthetic') {
    tell('data: SYNTHETIC inputs. They test that training runs; the student is not usable for real pictures.');
  }
  return wanted === 'shapes' || wanted === 'synthetic' ? { kind: wanted } : { kind: 'file', path: wanted };
}

/** States that were captured elsewhere are of the samples of a file. */
function boundariesAskedFor(args: Arguments, data: TrainingData): { readonly boundaries?: string } {
  const boundaries = args.text('boundaries');
  if (boundaries === undefined) return {};
  if (data.kind === 'file') return { boundaries };
  const expected = 'the calibration.safetensors that was written beside the states';
  throw usage('distil', '--boundaries needs --data and a file', `--data ${data.kind}`, expected);
}

function estimateText(plan: Plan, { seconds, memoryBytes, diskBytes, teacher, basis }: RunEstimate): string[] {
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toPrecision(2)} GB`;
  return [
    `${editWords(plan)}, ${plan.blocks.before} → ${plan.blocks.after} blocks`,
    `estimate: ${clock(seconds)}, ${gigabytes(memoryBytes)} of memory, ${gigabytes(diskBytes)} of disk (${basis})`,
    teacherSentence(teacher, gigabytes),
  ];
}

function editWords({ edits }: Plan): string {
  const counted = (keys: readonly string[], one: string, many: string) =>
    keys.length === 0 ? [] : [`${keys.length} ${keys.length === 1 ? one : many} (${keys.join(', ')})`];
  return [
    ...counted(runsOf(edits).map(formatIntervalKey), 'interval', 'intervals'),
    ...counted(
      edits.filter(({ on }) => on !== 'run').map(editKey),
      'edit that makes blocks narrower',
      'edits that make blocks narrower',
    ),
  ].join(', ');
}

async function resume(backend: Backend, { id, jobs, state }: RunView): Promise<string> {
  const done = jobs.filter((job) => job.state === 'done').length;
  tell(`run ${id} resumes: ${done} of ${jobs.length} done`);
  if (state === 'paused' || jobs.some((job) => job.state === 'paused')) await backend.resumeRun(id);
  for (const { key, state: jobState } of jobs) if (jobState === 'failed') await backend.retryJob(id, key, false);
  return id;
}

/** A run of the same model, intervals and settings that was not given up. Whatever the plan puts in their place, a run trains students. */
async function sameRun(backend: Backend, request: RunRequest, model: ModelSummary): Promise<RunView | null> {
  for (const { id, state, modelName } of await backend.listRuns()) {
    if (state === 'cancelled' || modelName !== model.name) continue;
    const run = await backend.viewRun(id);
    if (
      run.model.fingerprint === model.fingerprint &&
      sameIntervals(run.plan.edits, runsOf(request.plan.edits)) &&
      sameNarrow(run.narrow ?? [], request.plan.edits) &&
      sameSettings(run.settings, request.settings)
    ) {
      return run;
    }
  }
  return null;
}

function sameNarrow(known: readonly Edit[], asked: readonly Edit[]): boolean {
  const keys = (edits: readonly Edit[]) => edits.filter(({ on }) => on !== 'run').map(editKey);
  return JSON.stringify(keys(known)) === JSON.stringify(keys(asked));
}

/** The first run of any of these requests that is not done. */
async function unfinishedOf(
  backend: Backend,
  requests: readonly RunRequest[],
  model: ModelSummary,
): Promise<RunView | null> {
  for (const request of requests) {
    const run = await sameRun(backend, request, model);
    if (run && run.state !== 'done') return run;
  }
  return null;
}

/** How samples are held out and levels drawn is the run's own: one that an earlier version began keeps its way. */
function sameSettings(a: RunSettings, b: RunSettings): boolean {
  const asked = ({ data, ...rest }: RunSettings) => {
    return JSON.stringify(inOrder({ ...rest, data: { ...data, heldOutBy: undefined, levels: undefined } }));
  };
  return asked(a) === asked(b);
}

/** Databases keep keys in their own order. */
function inOrder(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.entries(value)
    .sort(([x], [y]) => (x < y ? -1 : 1))
    .map(([key, inner]) => [key, inOrder(inner)]);
}

/** Returns once every student is there; rejects with what went wrong, or `cancelled` after pausing the run. */
async function finish(backend: Backend, id: string, signal: AbortSignal): Promise<void> {
  const run = await followRun(backend, id, signal);
  if (signal.aborted) {
    if (run.state !== 'done') await pause(backend, id);
    throw new ContiguaError('cancelled', 'Paused');
  }
  const failed = run.jobs.filter(({ state }) => state !== 'done');
  if (failed.length === 0) return;
  for (const { key, state, error } of failed) tell(`${key}: ${state}${error ? `: ${error}` : ''}`);
  throw new ContiguaError('run-conflict', 'Some intervals have no student yet', {
    found: failed.map(({ key, state }) => `${key} ${state}`).join(', '),
    expected: 'all done',
    hint: 'The same command retries failed intervals from their last checkpoints.',
  });
}

async function pause(backend: Backend, id: string): Promise<void> {
  tell(
    'Pausing: running intervals finish their step and store a checkpoint … (Ctrl-C again ends at once and loses the steps since the last one)',
  );
  await backend.pauseRun(id);
  const { jobs, state: runState } = await followRun(backend, id, AbortSignal.timeout(PAUSE_MS));
  if (runState === 'running') {
    tell(`Run ${id} did not pause in time. The same command resumes it from its last checkpoints.`);
    return;
  }
  const stored = jobs.flatMap(({ key, state, checkpointStep }) =>
    state === 'paused' && checkpointStep > 0 ? [`${key} at step ${checkpointStep}`] : [],
  );
  tell(
    `Run ${id} is paused${stored.length > 0 ? ` (${stored.join(', ')})` : ''}. The same command resumes it; \`contigua runs ${id}\` shows it.`,
  );
}

/** The measured errors go into the model card; where measuring fails, the model is exported without them. */
async function measured(backend: Backend, id: string, signal: AbortSignal): Promise<RunView> {
  const { jobs, settings } = await backend.viewRun(id);
  try {
    await measureSubset(backend, id, doneKeys(jobs), settings.fineTune !== null, signal);
  } catch (thrown) {
    if (!(thrown instanceof ContiguaError)) throw thrown;
    tell(`The student model could not be measured and is exported without figures: ${thrown.message}`);
  }
  signal.throwIfAborted();
  return await backend.viewRun(id);
}
