/**
 * A trained file that turns out damaged or missing when it is read. Its job stays done, because its curve and errors hold,
 * but it carries the error: the page shows it beside Retry, the terminal beside the job. Once the file has been put back
 * and was read whole, the error goes.
 */
import { asContiguaError } from '../../core/errors.ts';
import { lazyBlob } from '../../core/export/index.ts';
import type { ArtifactStore, StoredArtifact, StoredContent } from '../artifacts/store.ts';
import type { RunContext } from './context.ts';
import { changeRun } from './events.ts';
import type { JobRow } from './rows.ts';

type Report = (sentence: string) => void;

export type TrainedJob = JobRow & { readonly student: StoredArtifact };

/** The job's trained file. What its readers find damaged is told before the error reaches them. */
export async function openTrainedFile(
  context: RunContext,
  store: ArtifactStore,
  job: TrainedJob,
  report: Report,
): Promise<StoredContent> {
  const watching = <T>(read: () => Promise<T>) => watched(context, job, report, read);
  const content = await watching(() => store.open(job.student));
  if (job.error !== null) {
    await watching(async () => {
      for await (const _ of content.parts());
    });
    await storeError(context, job, report, null);
  }
  return {
    blob: lazyBlob(content.blob.size, (start, end) =>
      watching(async () => new Uint8Array(await content.blob.slice(start, end).arrayBuffer())),
    ),
    async *parts() {
      const parts = content.parts()[Symbol.asyncIterator]();
      try {
        for (;;) {
          const { done, value } = await watching(() => parts.next());
          if (done) return;
          yield value;
        }
      } finally {
        await parts.return?.();
      }
    },
  };
}

/** A local copy of it, for a compute process. */
export async function copyTrainedFile(
  context: RunContext,
  store: ArtifactStore,
  job: TrainedJob,
  report: Report,
): Promise<string> {
  const path = await watched(context, job, report, () => store.localCopy(job.student));
  if (job.error !== null) await storeError(context, job, report, null);
  return path;
}

async function watched<T>(context: RunContext, job: JobRow, report: Report, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (thrown) {
    const { code, message } = asContiguaError(thrown);
    const found = code === 'artifact-corrupt' ? 'is damaged' : code === 'artifact-missing' ? 'is missing' : null;
    if (found) await storeError(context, job, report, `The trained file of ${job.key} ${found}: ${message}`);
    throw thrown;
  }
}

/** A failure to say so is reported and does not hide what there was to say. */
async function storeError(context: RunContext, job: JobRow, report: Report, error: string | null): Promise<void> {
  try {
    const isNew = await changeRun(context, job.runId, async ({ db, jobs, tellJob }) => {
      const now = (await jobs()).find(({ id }) => id === job.id);
      // Trained again meanwhile: that file is another one.
      if (now?.state !== 'done' || now.student?.key !== job.student?.key) return false;
      // Found before: told once, however it is found.
      if ((now.error === null) === (error === null)) return false;
      await db.change('update contigua.jobs set error = $2 where id = $1', [job.id, error]);
      await tellJob(job.id);
      return true;
    });
    if (isNew && error !== null) report(`Run ${job.runId}: ${error}`);
  } catch (thrown) {
    const { code, message } = asContiguaError(thrown);
    // Deleted while its file was read: that is why it is missing.
    if (code !== 'run-missing') report(`Run ${job.runId}, ${job.key}: ${message}`);
  }
}
