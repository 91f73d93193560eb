/**
 * Puts the durable backend together: database, queue, store, models, and, unless this process is to take no jobs, a job
 * runner. `close` leaves nothing behind: no process, timer, connection or scratch file.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startComputeProcess } from '../compute/node-process.ts';
import { runsOf } from '../core/edit/index.ts';
import { ContiguaError } from '../core/errors.ts';
import { openArtifactStore } from './artifacts/index.ts';
import type { ArtifactStore } from './artifacts/store.ts';
import type { Backend } from './backend.ts';
import { firstRow } from './database/database.ts';
import type { ServerEnv } from './env.ts';
import { checkFiles } from './jobs/check-files.ts';
import type { StartCompute } from './jobs/compute-slot.ts';
import { type JobRunner, startJobRunner } from './jobs/job-runner.ts';
import { logLine } from './log.ts';
import { ServerModels } from './models.ts';
import { withRoom } from './room.ts';
import {
  addInterval,
  cancelRun,
  createRun,
  deleteRun,
  pauseRun,
  resumeRun,
  retryJob,
  roomFor,
} from './runs/changes.ts';
import { DEFAULT_TIMING, type RunContext, type Timing } from './runs/context.ts';
import { assertEditable } from './runs/editable.ts';
import { estimateRun } from './runs/estimate.ts';
import { jobsOf, runMissing } from './runs/events.ts';
import { curve, follow, listRuns, viewRun } from './runs/follow.ts';
import { openRuns } from './runs/open.ts';
import { runRow } from './runs/rows.ts';
import { assertRunName } from './runs/run-request.ts';
import { trySubset } from './runs/subsets.ts';
import { MAX_LOSSES, recoverAlone } from './runs/sweep.ts';
import { openTrainedFile } from './runs/trained-files.ts';
import { serverStatus } from './status.ts';
import { assertStorable } from './storable.ts';

export interface BackendOptions {
  readonly timing?: Partial<Timing>;
  readonly store?: ArtifactStore;
  readonly startCompute?: StartCompute;
  /** Attempts of a job that may die in a row without a checkpoint between them. */
  readonly maxLosses?: number;
  /** Hears of what nobody asked about: lost connections, engines that do not start. */
  report?(sentence: string): void;
}

/** Rejects with a sentence where the folder cannot be opened: in use, of a newer version, on a disk that is full. */
export async function createBackend(env: ServerEnv, options: BackendOptions = {}): Promise<Backend> {
  return await withRoom(env.dataFolder, () => openBackend(env, options));
}

async function openBackend(env: ServerEnv, options: BackendOptions): Promise<Backend> {
  const { report = logLine, maxLosses = MAX_LOSSES } = options;
  const timing = { ...DEFAULT_TIMING, ...options.timing };
  const { dataFolder } = env;
  await mkdir(dataFolder, { recursive: true });
  const models = new ServerModels(env.modelRoots, join(dataFolder, 'uploads'), report, env.remoteModels);
  const store = options.store ?? openArtifactStore(env);
  const { context, close } = await openRuns(env, report);
  let runner: JobRunner | null = null;
  try {
    if (context.db.embedded) await recoverAlone(context, maxLosses);
    if (env.slots > 0) {
      const startCompute = options.startCompute ?? startComputeProcess;
      runner = await startJobRunner({ context, store, models, env, timing, startCompute, maxLosses, report });
    }
  } catch (thrown) {
    await close();
    throw thrown;
  }
  const end = async () => {
    await runner?.close();
    await close();
  };
  return backendOf({ env, context, store, models, timing, runner, report, end });
}

interface Parts {
  readonly env: ServerEnv;
  readonly context: RunContext;
  readonly store: ArtifactStore;
  readonly models: ServerModels;
  readonly timing: Timing;
  readonly runner: JobRunner | null;
  report(sentence: string): void;
  end(): Promise<void>;
}

function backendOf({ env, context, store, models, timing, runner, report, end }: Parts): Backend {
  const room = roomFor(context, env.queueLimit);
  const closed = new AbortController();
  const runOf = async (id: string) => {
    const run = await firstRow(context.db, runRow, 'select * from contigua.runs where id = $1', [id]);
    if (!run) throw runMissing(id);
    return run;
  };
  return {
    models: () => models.list(),
    modelPlaces: () => models.places(),
    status: () => serverStatus(context, store, env.dataFolder),
    estimate: (request) => estimateRun({ context, models, runner, signal: closed.signal }, request),
    async createRun(request) {
      assertRunName(request.name);
      assertStorable(request);
      const { plan, settings } = request;
      const model = await models.read(request.modelId);
      if (settings.data.kind === 'file') {
        await checkFiles(settings.data, models, model.fingerprint, runsOf(plan.edits));
      }
      const config = await models.config(request.modelId);
      assertEditable(plan, config);
      if (settings.data.kind === 'shapes' && !model.drawable) {
        throw new ContiguaError('settings-invalid', `${model.name} is not a model of the sample grammar`, {
          hint: 'Train on a calibration file, or on synthetic inputs.',
        });
      }
      await room(plan.edits.length + (settings.fineTune ? 1 : 0));
      return await createRun(context, request, model, config);
    },
    listRuns: () => listRuns(context),
    viewRun: (id) => viewRun(context, id),
    pauseRun: (id) => pauseRun(context, id),
    resumeRun: (id) => resumeRun(context, id),
    cancelRun: (id) => cancelRun(context, id),
    deleteRun: (id) => deleteRun(context, id),
    async retryJob(id, key, afresh) {
      await room(1);
      await retryJob(context, id, key, afresh);
    },
    async addInterval(id, interval) {
      await room(1);
      await addInterval(context, id, interval);
    },
    trySubset: (id, plugged, fineTuned) => trySubset(context, id, { plugged: [...plugged], fineTuned }, () => room(1)),
    curve: (id, key) => curve(context, id, key),
    async openTrained(id, key) {
      await runOf(id);
      const job = (await jobsOf(context.db, id)).find((one) => one.key === key && one.kind !== 'measure');
      if (!job) throw new ContiguaError('run-missing', 'The run has no such job', { found: key });
      const { student } = job;
      if (!student) throw new ContiguaError('run-conflict', `${key} has no student yet`, { found: job.state });
      const content = await openTrainedFile(context, store, { ...job, student }, report);
      return { ...content, sha256: student.sha256 };
    },
    async teacherFolder(id) {
      const { modelId, model } = await runOf(id);
      const now = await models.read(modelId);
      if (now.fingerprint === model.fingerprint) return await models.modelFolder(modelId);
      throw new ContiguaError('plan-mismatch', `The model ${model.name} has changed since the run was made`, {
        found: now.fingerprint,
        expected: model.fingerprint,
      });
    },
    follow: (id, after, signal) => follow(context, timing, id, after, AbortSignal.any([signal, closed.signal])),
    async close() {
      closed.abort();
      await end();
    },
  };
}
