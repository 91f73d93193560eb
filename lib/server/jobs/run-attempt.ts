/**
 * One attempt at one job, from its checkpoint to its student. However it ends, the job says so: done; failed with what
 * its user must know; paused, or waiting again because the job runner ends, its process died or hung, the store stayed away
 * or a disk stayed full; or, where the attempt was fenced or the database stays silent, not at all, because the job is
 * another's then or will be when the lease is over.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Edit } from '../../core/edit/index.ts';
import { asContiguaError, ContiguaError } from '../../core/errors.ts';
import { type HeldOutPoint, type NarrowResult, narrowSettings, type SavedFile } from '../../core/run/index.ts';
import { outlast } from '../outlast.ts';
import { asDiskFull } from '../room.ts';
import { Fenced } from '../runs/attempt.ts';
import { discardIfDeleted } from '../runs/garbage.ts';
import { failJob, giveBack, loseAttempt, storeWorker, type TakenJob } from '../runs/take.ts';
import { finishJob } from '../runs/training.ts';
import { type AttemptEnd, GivenBack } from './attempt-end.ts';
import {
  type AttemptTools,
  boundariesOf,
  modelOf,
  restingSources,
  sharedSource,
  trainingSource,
  wantedEngine,
} from './attempt-tools.ts';
import { measureSubset } from './measure-subset.ts';
import { notePace } from './measured-times.ts';
import { ProgressReport } from './report.ts';
import { usableCheckpoint } from './resume.ts';

/** Never rejects. `end` ends it from outside. */
export async function runAttempt(taken: TakenJob, tools: AttemptTools, end: AttemptEnd): Promise<void> {
  const { attempt } = taken;
  const { scratch, slot, timing } = tools;
  let folder: string | null = null;
  let ended = false;
  try {
    folder = await outlast(timing.patience, end.signal, () => scratch.folder(`${attempt.jobId}-${attempt.number}`));
    if (taken.job.kind === 'measure') await measureSubset(taken, tools, end);
    else await train(taken, tools, folder, end);
    ended = true;
  } catch (thrown) {
    // First the process, so that nothing computes or writes for an attempt that is over.
    await slot.end();
    await endAttempt(taken, tools, reasonOf(end, thrown));
  } finally {
    end.done();
    if (!ended) await slot.end();
    if (folder !== null) await scratch.remove(folder);
  }
}

/** A process that was asked to stop in order says `cancelled`. */
function reasonOf({ signal, stop }: AttemptEnd, thrown: unknown): unknown {
  if (signal.aborted) return signal.reason;
  return stop.aborted && asContiguaError(thrown).code === 'cancelled' ? stop.reason : thrown;
}

async function train(taken: TakenJob, tools: AttemptTools, folder: string, end: AttemptEnd): Promise<void> {
  const { attempt, job, run } = taken;
  const { context, store, timing, slot, models } = tools;
  const { signal, stop } = end;
  const engine = await slot.startEngine(wantedEngine(taken, tools), signal);
  const { name, device, why } = engine;
  if (name !== tools.runner.engine) {
    const runner = { id: tools.runner.id, engine: name, device, why };
    await outlast(timing.patience, signal, () => storeWorker(context, attempt, runner));
  }
  await slot.openModel(await modelOf(taken, models), signal);
  const resume = await outlast(timing.patience, signal, () => usableCheckpoint(context, store, taken, engine.name));
  const report = new ProgressReport({ context, store, timing, attempt, jobKey: job.key, engine: engine.name, end });
  const data = await trainingSource(run.settings.data, models);
  const saveTo = `${pathToFileURL(folder).href}/`;
  const options = {
    signal,
    stop,
    onProgress: ({ partial }: { partial?: Parameters<ProgressReport['accept']>[0] }) => {
      if (partial) report.accept(partial);
    },
  };
  const shared = tools.sharedStates?.open(attempt, run.settings.cacheBytes, join(folder, 'states'));
  end.beginWork();
  try {
    const { distil, cacheBytes, sweepBytes, fineTune } = run.settings;
    const keep = [...new Set(taken.jobs.flatMap(({ edits }) => edits.flatMap(boundaryBlocks)))];
    const cache = cacheBytes > 0 ? { url: cacheUrl(tools), sizeBytes: cacheBytes, keep, sharedAt: shared?.url } : null;
    switch (job.kind) {
      case 'student': {
        const { edit } = job;
        if (!edit) throw new ContiguaError('internal', 'A student without its blocks');
        const boundaries = await boundariesOf(run.settings.data, models);
        const input = { edit, settings: distil, data, boundaries, cache, sweepBytes, before: [], resume, saveTo };
        await finish(await slot.call('distil', input, options));
        break;
      }
      case 'maps': {
        const [edit] = job.narrow;
        if (!edit || edit.on === 'modulation') throw new ContiguaError('internal', 'Maps of no edit');
        const restsOn = await restingSources(job, taken.jobs, tools, signal);
        const settings = narrowSettings(run.settings);
        const input = { edit, restsOn, settings, data, cache, sweepBytes, resume, saveTo };
        await finish(await slot.call('trainMaps', input, options));
        break;
      }
      case 'modulations': {
        const edits = job.narrow.filter((edit) => edit.on === 'modulation');
        const restsOn = await restingSources(job, taken.jobs, tools, signal);
        const input = { edits, restsOn, settings: narrowSettings(run.settings), data, resume, saveTo };
        await finish(await slot.call('trainModulations', input, options));
        break;
      }
      case 'fine-tune': {
        if (!fineTune) throw new ContiguaError('internal', 'A fine-tune without settings');
        const edits = await restingSources(job, taken.jobs, tools, signal);
        const modulations = await sharedSource(taken.jobs, tools, signal);
        const input = { edits, modulations, settings: fineTune, data, resume, saveTo };
        await finish({ ...(await slot.call('fineTune', input, options)), heldOut: null });
        break;
      }
      default:
        throw new ContiguaError('internal', 'A measurement is no training');
    }
    await notePace(taken, tools, engine);
  } catch (thrown) {
    // What was trained up to here is worth seeing, above all where the loss went wrong.
    if (!signal.aborted) await report.settle();
    throw thrown;
  } finally {
    shared?.end();
    await report.stop();
  }

  async function finish(result: Finished): Promise<void> {
    end.trained();
    await report.settle();
    const stored = await report.store(result.student);
    const { steps, heldOut, kept, fitError = null } = result;
    const narrow = kept ? { kept, fitError } : null;
    await outlast(timing.patience, signal, () => finishJob(context, attempt, stored, steps, heldOut, narrow));
  }
}

interface Finished extends Partial<Pick<NarrowResult, 'kept' | 'fitError'>> {
  readonly student: SavedFile;
  readonly steps: number;
  readonly heldOut: HeldOutPoint | null;
}

/** Blocks whose states after them an edit's training asks for, of the model as it is. */
function boundaryBlocks(edit: Edit): number[] {
  switch (edit.on) {
    case 'run':
      return [edit.first - 1, edit.last];
    case 'text-stream':
      return [edit.first - 1];
    case 'ffn':
      return [edit.block - 1];
    case 'modulation':
      return [];
    default:
      return edit satisfies never;
  }
}

function cacheUrl({ cacheFolder }: AttemptTools): string {
  return `${pathToFileURL(cacheFolder).href}/`;
}

/** Says how the job stands after `reason` ended the attempt, which stores nothing more. */
async function endAttempt({ attempt, job }: TakenJob, tools: AttemptTools, reason: unknown): Promise<void> {
  const { context, timing, maxLosses } = tools;
  const error = asContiguaError(asDiskFull(reason));
  const name = `${job.key}, attempt ${attempt.number}`;
  if (error.code === 'database-unreachable') {
    tools.report(`${name}: ${error.message}`);
    return;
  }
  try {
    // Its own patience: the attempt's signal may have fired.
    await outlast(timing.patience, new AbortController().signal, async () => {
      await discardIfDeleted(context.db, attempt.runId);
      if (reason instanceof Fenced) return;
      if (reason instanceof GivenBack) return await giveBack(context, attempt);
      if (error.code === 'disk-full' || error.code === 'store-unreachable') {
        tools.rest();
        tools.report(`${name} waits: ${error.message}`);
        return await giveBack(context, attempt, `It waits: ${error.message}`);
      }
      if (error.code === 'worker-crashed' || error.code === 'engine-lost') {
        const sentence = `Attempt ${attempt.number} lost its compute process (${error.summary}).`;
        return await loseAttempt(context, attempt, sentence, maxLosses);
      }
      if (error.code === 'internal' && reason instanceof Error) tools.report(`${name}: ${reason.stack ?? reason}`);
      return await failJob(context, attempt, error.message);
    });
  } catch (thrown) {
    if (!(thrown instanceof Fenced)) tools.report(`${name}: ${asContiguaError(thrown).message}`);
  }
}
