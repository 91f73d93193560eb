/** What every attempt works with, and where it finds engine, model, data and the students of its run. */

import { pathToFileURL } from 'node:url';
import type { LinkedFile, NarrowSource, TrainingSource } from '../../compute/protocol.ts';
import type { ModulationEdit } from '../../core/edit/index.ts';
import { ContiguaError } from '../../core/errors.ts';
import { type JobWorker, jobRestsOn, type TrainingData } from '../../core/run/index.ts';
import { ENGINE_NAMES, type EngineName } from '../../core/tensor/engine.ts';
import type { ArtifactStore } from '../artifacts/store.ts';
import type { ServerModels } from '../models.ts';
import { outlast } from '../outlast.ts';
import { Fenced } from '../runs/attempt.ts';
import type { RunContext, Timing } from '../runs/context.ts';
import { isReady } from '../runs/events.ts';
import type { JobRow } from '../runs/rows.ts';
import type { TakenJob } from '../runs/take.ts';
import { copyTrainedFile } from '../runs/trained-files.ts';
import type { ComputeSlot } from './compute-slot.ts';
import type { Scratch } from './scratch.ts';
import type { SharedStates } from './shared-states.ts';

export interface AttemptTools {
  readonly context: RunContext;
  readonly store: ArtifactStore;
  readonly models: Pick<ServerModels, 'modelFolder' | 'calibrationFile'>;
  readonly timing: Timing;
  readonly scratch: Scratch;
  readonly cacheFolder: string;
  /** Null where this job runner is the only one there can be. */
  readonly sharedStates: SharedStates | null;
  readonly slot: ComputeSlot;
  /** Who computes, but for the engine, which each job's process reports. */
  readonly runner: JobWorker;
  readonly host: string;
  readonly slots: number;
  readonly maxLosses: number;
  /** Hears of what the job cannot say. */
  report(sentence: string): void;
  /** The job went back because the store or a disk takes nothing: the next one would fare no better. */
  rest(): void;
}

/** The run's choice, and where that is `auto` the job runner's. */
export function wantedEngine({ run }: TakenJob, { runner }: Pick<AttemptTools, 'runner'>) {
  const { engine } = run.settings;
  return engine === 'auto' ? engineName(runner.engine) : engine;
}

const engineName = (name: string): EngineName => {
  const known = ENGINE_NAMES.find((one) => one === name);
  if (known) return known;
  throw new ContiguaError('internal', 'A job runner uses an engine of no known name', { found: name });
};

export async function modelOf({ run }: TakenJob, models: AttemptTools['models']) {
  const { name, fingerprint } = run.model;
  return { url: await models.modelFolder(run.modelId), name, fingerprint };
}

export async function trainingSource(data: TrainingData, models: AttemptTools['models']): Promise<TrainingSource> {
  if (data.kind !== 'file') return data;
  return { kind: 'file', file: await models.calibrationFile(data.path), heldOutBy: data.heldOutBy };
}

/** Captured states around the run's intervals, if it was given any. */
export async function boundariesOf(
  data: TrainingData,
  models: AttemptTools['models'],
): Promise<LinkedFile | undefined> {
  if (data.kind !== 'file' || data.boundaries === undefined) return undefined;
  return await models.calibrationFile(data.boundaries);
}

/** What the job rests on, with local copies of its students and maps. */
export async function restingSources(
  job: JobRow,
  jobs: readonly JobRow[],
  tools: Pick<AttemptTools, 'context' | 'store' | 'timing' | 'report'>,
  signal: AbortSignal,
): Promise<NarrowSource[]> {
  const wanted = jobs.filter((other) => other.kind !== 'measure' && jobRestsOn(job, other));
  if (!isReady(job, jobs)) throw new Fenced('something that the job rests on is being trained again');
  return await narrowSources(wanted, tools, signal);
}

/** Students and maps of finished jobs; modulations are not among them. */
export async function narrowSources(
  jobs: readonly JobRow[],
  tools: Pick<AttemptTools, 'context' | 'store' | 'timing' | 'report'>,
  signal: AbortSignal,
): Promise<NarrowSource[]> {
  const sources: NarrowSource[] = [];
  for (const job of jobs) {
    if (job.kind === 'student' && job.edit) {
      sources.push({ ...job.edit, by: 'student', file: await trainedFile(job, tools, signal) });
    }
    if (job.kind !== 'maps') continue;
    for (const edit of job.narrow) {
      if (edit.on !== 'modulation') sources.push({ ...edit, file: await trainedFile(job, tools, signal) });
    }
  }
  return sources;
}

/** What blocks share, where a finished job among these has trained it. */
export async function sharedSource(
  jobs: readonly JobRow[],
  tools: Pick<AttemptTools, 'context' | 'store' | 'timing' | 'report'>,
  signal: AbortSignal,
): Promise<{ readonly edits: readonly ModulationEdit[]; readonly file: LinkedFile } | undefined> {
  const job = jobs.find(({ kind }) => kind === 'modulations');
  if (!job) return undefined;
  return {
    edits: job.narrow.filter((edit) => edit.on === 'modulation'),
    file: await trainedFile(job, tools, signal),
  };
}

/** A local copy of what a finished job trained. */
export async function trainedFile(
  job: JobRow,
  { context, store, timing, report }: Pick<AttemptTools, 'context' | 'store' | 'timing' | 'report'>,
  signal: AbortSignal,
): Promise<LinkedFile> {
  const { student } = job;
  if (!student) {
    throw new ContiguaError('internal', 'A finished job without its trained file', {
      found: job.key,
      expected: 'the file that it trained',
      hint: 'Train it again.',
    });
  }
  const copy = () => copyTrainedFile(context, store, { ...job, student }, report);
  const path = await outlast(timing.patience, signal, copy);
  return { path: student.key, url: pathToFileURL(path).href };
}
